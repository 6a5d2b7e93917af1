/**
 * When a receiver that refuses is asked again: after a random share (full jitter) of a bound that
 * doubles, besides what the receiver itself asked for.
 */

export interface BackoffTimes {
  /** Bound of the first delay, and of every later one. */
  readonly initialIntervalMs: number;
  readonly maxIntervalMs: number;
}

const DOUBLINGS_MAX = 30;
/** Timers take no more; it is asked again then. */
const DELAY_MAX_MS = 2 ** 31 - 2;

/** Delay after so many failures before this one; `random` gives [0, 1). */
export function jitterMs(times: BackoffTimes, failures: number, random: () => number): number {
  const doublings = Math.min(failures, DOUBLINGS_MAX);
  return random() * Math.min(times.maxIntervalMs, times.initialIntervalMs * 2 ** doublings);
}

/** One receiver, asked by one request at a time while it is away. */
export class Backoff {
  readonly #times: BackoffTimes;
  readonly #random: () => number;
  readonly #onDue: () => void;
  #failures = 0;
  #dueMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** `onDue`: the delay is over. */
  constructor(times: BackoffTimes, random: () => number, onDue: () => void) {
    this.#times = times;
    this.#random = random;
    this.#onDue = onDue;
  }

  get isAway(): boolean {
    return this.#failures > 0;
  }

  /** Whether a receiver that is away may be asked. */
  get isDue(): boolean {
    return performance.now() >= this.#dueMs;
  }

  failed(afterMs = 0): void {
    if (!this.isDue) return; // others were under way when the first failed
    const jitter = jitterMs(this.#times, this.#failures, this.#random);
    const delayMs = Math.min(afterMs + jitter, DELAY_MAX_MS);
    this.#failures++;
    this.#dueMs = performance.now() + delayMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onDue, Math.ceil(delayMs) + 1);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#dueMs = Number.NEGATIVE_INFINITY;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
