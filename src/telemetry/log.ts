/**
 * The agent's own log: pino on standard error, one line a message. `console` is for people,
 * `json` for machines. Written at once: there are few lines, and the last ones matter most.
 */
import { DiagLogLevel, diag } from '@opentelemetry/api';
import pino from 'pino';
import { messageOf } from './agent-error.ts';

export interface Log {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface LogOptions {
  /** trace, debug, info, warn, error or silent. */
  readonly level: string;
  readonly encoding: 'console' | 'json';
}

export interface LineOutput {
  write(line: string): unknown;
}

/** `out`: standard error when left out. */
export function createLog(options: LogOptions, out?: LineOutput): Log {
  const destination = out ?? pino.destination({ dest: 2, sync: true });
  const isJson = options.encoding === 'json';
  return pino(
    { level: options.level, base: isJson ? { name: 'spantap' } : null },
    isJson ? destination : { write: (line: string) => destination.write(toText(line)) },
  );
}

/** pino's line as `hh:mm:ss level message`; nothing in it can steer a terminal. */
function toText(line: string): string {
  const record: unknown = JSON.parse(line);
  if (typeof record !== 'object' || record === null) return line;
  const fields = record as Record<string, unknown>;
  const time = new Date(Number(fields.time)).toISOString().slice(11, 19);
  const level = pino.levels.labels[Number(fields.level)] ?? 'info';
  const message = String(fields.msg ?? '').replace(/\p{C}+/gu, ' ');
  return `${time} ${level.padEnd(5)} ${message}\n`;
}

/** Warnings of the OpenTelemetry packages (a malformed variable, say) go to the log. */
export function routeDiagnostics(log: Log): void {
  const join = (message: string, args: readonly unknown[]): string =>
    [message, ...args].map((arg) => withoutStack(messageOf(arg))).join(' ');
  const none = () => undefined;
  diag.setLogger(
    {
      error: (message, ...args) => log.warn(join(message, args)),
      warn: (message, ...args) => log.warn(join(message, args)),
      info: none,
      debug: none,
      verbose: none,
    },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}

/** Some packages report an error as JSON with its stack; people want what it says. */
function withoutStack(text: string): string {
  if (!text.startsWith('{"stack"')) return text;
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}
