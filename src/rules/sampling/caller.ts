/**
 * What the caller of a hop says about sampling in its tracestate: the threshold under which it kept the
 * trace, and the randomness to decide with where the trace id is not random (`ot=th:...;rv:...`).
 */
import type { ExchangeBatch } from '../../handoff/layout.ts';
import { FLAG, U32, U32_COLUMNS } from '../../handoff/layout.ts';
import { hasTraceState, probabilityOf, traceStateOf } from '../../handoff/trace-state.ts';
import {
  isWithin,
  type Randomness,
  readTraceRandomness,
  splitHex,
  type Threshold,
  thresholdOfText,
} from './threshold.ts';

export class Caller {
  /** One object for all hops. */
  readonly randomness: Randomness = { high: 0, low: 0 };
  /** `th`; undefined: there is none. */
  said: Threshold | undefined;
  /** The same where it fits: of a trace that the caller keeps, and that its threshold lets through. */
  applied: Threshold | undefined;

  /** The hop of the rows from `start` to `end`. */
  read(batch: ExchangeBatch, start: number, end: number): void {
    const { u32, bytes } = batch;
    this.said = undefined;
    this.applied = undefined;
    readTraceRandomness(u32, start * U32_COLUMNS, this.randomness);
    for (let row = start; row < end; row++) {
      const at = row * U32_COLUMNS;
      if (!hasTraceState(u32, at)) continue;
      this.#take(traceStateOf(u32, at, bytes), (u32[at + U32.flags] & FLAG.notSampled) === 0);
      return;
    }
  }

  #take(traceState: string, isKept: boolean): void {
    const { threshold, randomness } = probabilityOf(traceState);
    if (randomness !== undefined) Object.assign(this.randomness, splitHex(randomness));
    if (threshold === undefined) return;
    this.said = thresholdOfText(threshold);
    if (isKept && isWithin(this.said, this.randomness)) this.applied = this.said;
  }
}
