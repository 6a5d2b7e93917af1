/**
 * An error that a person can act on: what is wrong, why, and what to do. Everything that is not
 * the agent's own mistake ends as one of these and is printed without a stack trace.
 */

export interface ErrorText {
  readonly what: string;
  readonly why?: string;
  readonly todo?: string;
}

export class AgentError extends Error {
  /** Stable, lower case; listed in docs. */
  readonly code: string;
  readonly text: ErrorText;

  constructor(code: string, text: ErrorText, options?: ErrorOptions) {
    super(text.why === undefined ? text.what : `${text.what}: ${text.why}`, options);
    this.name = 'AgentError';
    this.code = code;
    this.text = text;
  }
}

/** What an error says, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Lines for a terminal; the first says what is wrong. */
export function formatError(error: unknown): string {
  if (!(error instanceof AgentError)) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const lines = [`spantap: ${error.message}`];
  if (error.text.todo !== undefined) lines.push(`  what to do: ${error.text.todo}`);
  return lines.join('\n');
}
