/** Counts in fixed buckets, with the last kept span of each bucket as its exemplar. */
import { hexWords } from '../../handoff/hex.ts';
import { U32 } from '../../handoff/layout.ts';
import type { Exemplar } from './types.ts';

/** Trace id (4 words) and span id (2), as they lie in a row. */
const ID_WORDS = 6;
/** Value and monotonic end of the exchange. */
const NUMBERS = 2;

export class Histogram {
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  sum = 0;
  /** Made with the first exemplar: most services have few series that get one. */
  #ids: Uint32Array | undefined;
  #numbers: Float64Array | undefined;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Returns the bucket it was counted in. */
  add(value: number): number {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]) bucket++;
    this.counts[bucket]++;
    this.sum += value;
    return bucket;
  }

  /** The row at `u` of `u32` was measured as `value` and its span is kept. */
  exemplify(bucket: number, value: number, endNs: number, u32: Uint32Array, u: number): void {
    this.#ids ??= new Uint32Array(this.counts.length * ID_WORDS);
    this.#numbers ??= new Float64Array(this.counts.length * NUMBERS);
    for (let i = 0; i < ID_WORDS; i++) {
      this.#ids[bucket * ID_WORDS + i] = u32[u + U32.traceId + i];
    }
    this.#numbers[bucket * NUMBERS] = value;
    this.#numbers[bucket * NUMBERS + 1] = endNs;
  }

  /** `toUnixNs` turns monotonic nanoseconds into Unix ones. */
  exemplars(toUnixNs: (ns: number) => bigint): Exemplar[] {
    const found: Exemplar[] = [];
    const [ids, numbers] = [this.#ids, this.#numbers];
    if (ids === undefined || numbers === undefined) return found;
    for (let bucket = 0; bucket < this.counts.length; bucket++) {
      const endNs = numbers[bucket * NUMBERS + 1];
      if (endNs === 0) continue;
      found.push({
        bucket,
        value: numbers[bucket * NUMBERS],
        timeUnixNs: toUnixNs(endNs),
        traceId: hexWords(ids, bucket * ID_WORDS, 4),
        spanId: hexWords(ids, bucket * ID_WORDS + 4, 2),
      });
    }
    return found;
  }
}
