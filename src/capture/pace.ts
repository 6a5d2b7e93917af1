/**
 * How long the worker leaves the ring alone. A look costs some 50 us whether it finds much or
 * little (a wakeup of the thread, cold caches), so a quiet ring is looked at less often; a rate at
 * which it would fill to more than a small share meanwhile is looked at more often. After a busy
 * look the pause is short at once and grows slowly: traffic that was there may come back.
 */

export const PAUSE_MIN_MS = 2;
/** Also how late a process that starts is noticed: its first requests come some 20 ms after it. */
export const PAUSE_MAX_MS = 10;
/** Of the ring at a steady rate: a burst of 16 times the rate still fits. */
const FILL_SHARE_MAX = 1 / 16;
/** Some 130 000 proxied requests/s: what may set in during the longest pause. */
const BURST_BYTES_PER_MS = 200_000;
const GROWTH = 1.25;

export class Pace {
  readonly #fillBytesMax: number;
  readonly #pauseMaxMs: number;
  #pauseMs: number = PAUSE_MIN_MS;
  #lookedNs: number;

  constructor(ringBytes: number, nowNs: number) {
    this.#fillBytesMax = ringBytes * FILL_SHARE_MAX;
    this.#pauseMaxMs = Math.min(PAUSE_MAX_MS, ringBytes / BURST_BYTES_PER_MS);
    this.#lookedNs = nowNs;
  }

  /** The pause after a look at `nowNs` that took all there was, `lenBytes`; in ms. */
  next(lenBytes: number, nowNs: number): number {
    // A late look has waited longer than it was asked to: what counts is the rate.
    const passedMs = Math.max((nowNs - this.#lookedNs) / 1e6, 1);
    this.#lookedNs = nowNs;
    const fillMs = (this.#fillBytesMax * passedMs) / Math.max(lenBytes, 1);
    const pauseMs = Math.min(fillMs, this.#pauseMs * GROWTH, this.#pauseMaxMs);
    this.#pauseMs = Math.max(pauseMs, PAUSE_MIN_MS);
    return Math.floor(this.#pauseMs);
  }
}
