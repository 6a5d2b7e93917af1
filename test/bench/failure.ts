import { AgentError } from '../../src/telemetry/agent-error.ts';

/** What ends a run for a reason of the machine or of a program; told without a stack trace. */
export function failure(what: string, why?: string): AgentError {
  return new AgentError('bench', why === undefined ? { what } : { what, why });
}
