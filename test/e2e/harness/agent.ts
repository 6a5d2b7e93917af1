/** The agent as users run it: `spantap run` in a process of its own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Collector } from './collector.ts';
import { Program } from './program.ts';

/** Entry of every command. */
export const MAIN = join(import.meta.dirname, '..', '..', '..', 'src', 'main.ts');

export type Transport = 'grpc' | 'http/protobuf' | 'http/json';

export interface AgentOptions {
  readonly folder: string;
  readonly flags: readonly string[];
  readonly collector?: Collector;
  readonly transport?: Transport;
  readonly env?: Readonly<Record<string, string>>;
}

/** The agent and, after its end, what it counted. */
export class Agent {
  readonly program: Program;
  readonly #summaryFile: string;

  constructor(program: Program, summaryFile: string) {
    this.program = program;
    this.#summaryFile = summaryFile;
  }

  /** Ends it as an operator does, and returns all counters. */
  async stop(): Promise<Record<string, number>> {
    await this.program.stop();
    if (this.program.child.exitCode !== 0) throw new Error(`exit code: ${this.program.output}`);
    return JSON.parse(readFileSync(this.#summaryFile, 'utf8'));
  }
}

/** Tests wait for single spans: send them at once instead of once a second. */
const QUICK = { OTEL_BSP_SCHEDULE_DELAY: '50' };

function exportVariables({ collector, transport = 'grpc' }: AgentOptions): Record<string, string> {
  if (collector === undefined) return { OTEL_TRACES_EXPORTER: 'console' };
  const port = transport === 'grpc' ? collector.grpcPort : collector.httpPort;
  return {
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_PROTOCOL: transport,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
  };
}

/** Resolves when the probes are attached. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const summaryFile = join(options.folder, 'summary.json');
  const flags = ['run', ...options.flags, '--summary-json', summaryFile];
  const program = new Program('agent', process.execPath, [MAIN, ...flags], {
    env: { ...exportVariables(options), ...QUICK, ...options.env },
  });
  await program.line(/watching/);
  return new Agent(program, summaryFile);
}
