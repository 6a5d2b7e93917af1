/**
 * Whether a store takes objects at present: when it is asked again, and what is said of it, once a
 * minute.
 */
import { Backoff } from '../spool/backoff.ts';
import { Complaint } from '../telemetry/complaint.ts';
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

export class StoreHealth {
  readonly #parts: HealthParts;
  readonly #backoff: Backoff;
  readonly #complaint: Complaint;

  constructor(parts: HealthParts) {
    this.#parts = parts;
    this.#backoff = new Backoff(parts.retry, parts.random, parts.onDue);
    this.#complaint = new Complaint(parts.log);
  }

  get isAway(): boolean {
    return this.#backoff.isAway;
  }

  /** Whether a store that is away may be asked. */
  get isDue(): boolean {
    return this.#backoff.isDue;
  }

  failed(result: RetryResult): void {
    const { counters } = this.#parts;
    counters.add('store.retries');
    if (result.isDenied) counters.add('store.denied');
    this.complain(result.reason);
    this.#backoff.failed(result.afterMs);
  }

  succeeded(): void {
    if (!this.isAway) return;
    this.#backoff.succeeded();
    this.#complaint.end(`object store ${this.#parts.target}: takes objects again`);
  }

  /** Capture goes on whatever the store does. */
  complain(reason: string): void {
    const { target, describe } = this.#parts;
    this.#complaint.say(
      () => `object store ${target}: ${reason}; ${describe()}; capturing goes on`,
    );
  }

  stop(): void {
    this.#backoff.stop();
  }
}
