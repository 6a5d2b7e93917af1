/**
 * `sampling.max_per_second`: what is kept of the hops that sampling lets through. The share follows
 * from what the last second offered, as a threshold on the trace id, so that it stays consistent
 * and is noted in tracestate; what a second brings beyond the bound in spite of it is left out.
 */
import { isWithin, type Randomness, type Threshold, thresholdOf } from './threshold.ts';

const SECOND_NS = 1e9;
/** Shares are rounded down to this, so that `th` has few digits. */
const SHARE_STEPS = 4_096;

export class RateLimit {
  readonly #hopsMax: number;
  #second = -1;
  #offered = 0;
  #kept = 0;
  threshold: Threshold = thresholdOf(1);

  /** `hopsMax`: in a second; fractions gather over seconds. */
  constructor(hopsMax: number) {
    this.#hopsMax = hopsMax;
  }

  /** `random`: of its trace. `timeNs`: of the hop; seconds are those of the traffic. */
  isWithin(random: Randomness, timeNs: number): boolean {
    this.#pass(Math.floor(timeNs / SECOND_NS));
    this.#offered++;
    if (!isWithin(this.threshold, random) || this.#kept >= this.#allowed) return false;
    this.#kept++;
    return true;
  }

  /** In this second: of a bound such as 0.2, one in every fifth. */
  get #allowed(): number {
    return (
      Math.floor((this.#second + 1) * this.#hopsMax) - Math.floor(this.#second * this.#hopsMax)
    );
  }

  /** Hops of a batch are not in order: those of an earlier second count to this one. */
  #pass(second: number): void {
    if (second <= this.#second) return;
    const isNext = second === this.#second + 1;
    const share = isNext && this.#offered > 0 ? this.#hopsMax / this.#offered : 1;
    const rounded = Math.floor(Math.min(1, share) * SHARE_STEPS) / SHARE_STEPS;
    this.threshold = thresholdOf(Math.max(rounded, share > 0 ? 1 / SHARE_STEPS : 0));
    this.#second = second;
    this.#offered = 0;
    this.#kept = 0;
  }
}
