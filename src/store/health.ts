/**
 * Whether a store takes objects at present: when it is asked again (full jitter), and what is said
 * of it, once a minute.
 */
import type { Counters } from '../telemetry/counters.ts';
import type { RetryOptions } from './options.ts';
import type { RetryResult, StoreLog } from './types.ts';

export interface HealthParts {
  readonly target: string;
  readonly retry: RetryOptions;
  readonly counters: Counters;
  readonly log: StoreLog;
  /** What waits and what was dropped, for the message. */
  readonly describe: () => string;
  /** The delay is over: the store may be asked again. */
  readonly onDue: () => void;
  readonly random: () => number;
}

const COMPLAINT_INTERVAL_MS = 60_000;
const DOUBLINGS_MAX = 30;

export class StoreHealth {
  readonly #parts: HealthParts;
  #failures = 0;
  #retryAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #complainedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  get isAway(): boolean {
    return this.#failures > 0;
  }

  /** Whether a store that is away may be asked. */
  get isDue(): boolean {
    return performance.now() >= this.#retryAtMs;
  }

  failed(result: RetryResult): void {
    const { retry, counters, random, onDue } = this.#parts;
    counters.add('store.retries');
    if (result.isDenied) counters.add('store.denied');
    this.complain(result.reason);
    if (!this.isDue) return; // others were under way when the first failed
    const doublings = Math.min(this.#failures, DOUBLINGS_MAX);
    const ceilingMs = Math.min(retry.maxIntervalMs, retry.initialIntervalMs * 2 ** doublings);
    const delayMs = (result.afterMs ?? 0) + random() * ceilingMs;
    this.#failures++;
    this.#retryAtMs = performance.now() + delayMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(onDue, Math.ceil(delayMs) + 1);
  }

  succeeded(): void {
    if (!this.isAway) return;
    this.#failures = 0;
    this.#retryAtMs = 0;
    if (this.#complainedMs === Number.NEGATIVE_INFINITY) return;
    this.#complainedMs = Number.NEGATIVE_INFINITY;
    this.#parts.log.info(`object store ${this.#parts.target}: takes objects again`);
  }

  /** Once a minute; capture goes on whatever the store does. */
  complain(reason: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#complainedMs < COMPLAINT_INTERVAL_MS) return;
    this.#complainedMs = nowMs;
    const { target, log, describe } = this.#parts;
    log.warn(`object store ${target}: ${reason}; ${describe()}; capturing goes on`);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
