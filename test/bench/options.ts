/**
 * Flags of the benchmarks, checked: an unknown flag or a wrong value is a clear error, and what
 * was in force is part of the result.
 */
import { parseArgs } from 'node:util';
import { AgentError } from '../../src/telemetry/agent-error.ts';

/** A flag with its help text; every flag takes a value. */
export type FlagTable = Readonly<Record<string, string>>;

export interface Bounds {
  readonly min?: number;
  readonly max?: number;
  readonly isWhole?: boolean;
}

/** The flags of one run. Each getter checks, applies the fallback and remembers what it returned. */
export class Flags {
  readonly used: Record<string, string | number> = {};
  readonly #bench: string;
  readonly #values: Readonly<Record<string, string | undefined>>;

  constructor(bench: string, table: FlagTable, args: readonly string[]) {
    this.#bench = bench;
    this.#values = parse(bench, table, args);
  }

  /** One of `allowed`; the fallback is the first of them unless it is stated. */
  choice<T extends string>(name: string, allowed: readonly T[], fallback?: T): T {
    const text = this.#values[name] ?? fallback ?? allowed[0];
    const found = allowed.find((each) => each === text);
    if (found === undefined) throw this.#wrong(name, `is one of ${allowed.join(', ')}`);
    this.used[name] = found;
    return found;
  }

  /** A number within its bounds, whole unless `isWhole` is false. */
  number(name: string, fallback: number, bounds: Bounds = {}): number {
    const { min = 1, max = Number.POSITIVE_INFINITY, isWhole = true } = bounds;
    const text = this.#values[name] ?? String(fallback);
    const value = text.trim() === '' ? Number.NaN : Number(text);
    const isInside = Number.isFinite(value) && value >= min && value <= max;
    if (!isInside || (isWhole && !Number.isInteger(value))) {
      const to = Number.isFinite(max) ? ` to ${max}` : '';
      throw this.#wrong(name, `is a ${isWhole ? 'whole ' : ''}number from ${min}${to}`);
    }
    this.used[name] = value;
    return value;
  }

  #wrong(name: string, rule: string): AgentError {
    return usage(this.#bench, `--${name} ${rule}, not ${JSON.stringify(this.#values[name] ?? '')}`);
  }
}

export function usage(bench: string, what: string): AgentError {
  return new AgentError('usage', { what, todo: `npm run bench -- ${bench} --help` });
}

function parse(
  bench: string,
  table: FlagTable,
  args: readonly string[],
): Record<string, string | undefined> {
  const options = Object.fromEntries(
    Object.keys(table).map((name) => [name, { type: 'string' as const }]),
  );
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true });
    return values as Record<string, string | undefined>;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw usage(bench, (message.split(/\. |\n/)[0] ?? message).replace(/\.$/, ''));
  }
}
