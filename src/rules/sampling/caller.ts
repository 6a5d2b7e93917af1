/**
 * What the caller of a hop says about sampling in its tracestate: the threshold under which it kept the
 * trace, and the randomness to decide with where the trace id is not random (`ot=th:...;rv:...`).
 */
import type { ExchangeBatch } from '../../handoff/layout.ts';
import { U32_COLUMNS } from '../../handoff/layout.ts';
import { hasTraceState, probabilityOf, traceStateOf } from '../../handoff/trace-state.ts';
import {
  type Randomness,
  readTraceRandomness,
  type Threshold,
  thresholdOfText,
} from './threshold.ts';

export class Caller {
  /** One object for all hops. */
  readonly randomness: Randomness = { high: 0, low: 0 };
  /** undefined: it says none. */
  threshold: Threshold | undefined;

  /** The hop of the rows from `start` to `end`. */
  read(batch: ExchangeBatch, start: number, end: number): void {
    const { u32, bytes } = batch;
    this.threshold = undefined;
    readTraceRandomness(u32, start * U32_COLUMNS, this.randomness);
    for (let row = start; row < end; row++) {
      const at = row * U32_COLUMNS;
      if (!hasTraceState(u32, at)) continue;
      this.#take(traceStateOf(u32, at, bytes));
      return;
    }
  }

  #take(traceState: string): void {
    const { threshold, randomness } = probabilityOf(traceState);
    if (threshold !== undefined) this.threshold = thresholdOfText(threshold);
    if (randomness === undefined) return;
    this.randomness.high = Number.parseInt(randomness.slice(0, 6), 16);
    this.randomness.low = Number.parseInt(randomness.slice(6), 16);
  }
}
