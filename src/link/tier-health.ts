/**
 * Whether a tier may still link in one process. Content that contradicts its links, or labels of a
 * better tier that differ, switch it off for good: more than one in a thousand within a minute.
 */

const WINDOW_NS = 60e9;
const SHARE_MAX = 0.001;
/** Fewer contradictions prove nothing about the tier; each of them is refused anyway. */
const CONTRADICTIONS_MIN = 5;

export class TierHealth {
  isDisabled = false;
  #windowStartNs = 0;
  #decisions = 0;
  #contradictions = 0;

  /** Notes one decision; true when it is the one that switches the tier off. */
  record(isContradicted: boolean, nowNs: number): boolean {
    if (nowNs - this.#windowStartNs > WINDOW_NS) this.#startWindow(nowNs);
    this.#decisions++;
    if (!isContradicted || this.isDisabled) return false;
    this.#contradictions++;
    if (this.#contradictions < CONTRADICTIONS_MIN) return false;
    this.isDisabled = this.#contradictions > this.#decisions * SHARE_MAX;
    return this.isDisabled;
  }

  #startWindow(nowNs: number): void {
    this.#windowStartNs = nowNs;
    this.#decisions = 0;
    this.#contradictions = 0;
  }
}
