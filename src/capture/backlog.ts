/**
 * Records between the rings and the pipeline. The rings are emptied before anything is processed and
 * between any two batches: copying is cheap, so a worker that is behind (it has just started, or others
 * have its CPU) loses nothing until this is full as well. Then the rings fill: `lost.ring_full`.
 */

/** Records that were taken together. */
export interface Taken {
  /** The first `lenBytes` are whole records. */
  readonly bytes: Uint8Array;
  readonly lenBytes: number;
  /** When: everything that happened before is in this batch or an earlier one. */
  readonly timeNs: number;
}

export interface BacklogOptions {
  /** Copies whole records and returns their bytes, 0 when there are none. */
  readonly drain: (batch: Uint8Array, isLast: boolean) => number;
  readonly batchBytes: number;
  readonly bytesMax: number;
}

/** Buffers that are kept when nothing waits. */
const SPARE_MAX = 2;

export class Backlog {
  readonly #options: BacklogOptions;
  readonly #waiting: Taken[] = [];
  readonly #spare: Uint8Array[] = [];

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  get isHalfFull(): boolean {
    const { batchBytes, bytesMax } = this.#options;
    return this.#waiting.length * batchBytes > bytesMax / 2;
  }

  /** Takes what the rings hold, as far as there is room; returns the bytes. */
  fill(timeNs: number, isLast = false): number {
    const { drain, batchBytes, bytesMax } = this.#options;
    let taken = 0;
    while ((this.#waiting.length + 1) * batchBytes <= bytesMax) {
      const bytes = this.#spare.pop() ?? new Uint8Array(batchBytes);
      const lenBytes = drain(bytes, isLast);
      if (lenBytes === 0) {
        this.#spare.push(bytes);
        break;
      }
      this.#waiting.push({ bytes, lenBytes, timeNs });
      taken += lenBytes;
      // A batch that is not half full has emptied the rings.
      if (lenBytes < batchBytes / 2) break;
    }
    return taken;
  }

  /** The oldest batch; its buffer is given back with `release`. */
  next(): Taken | undefined {
    return this.#waiting.shift();
  }

  release({ bytes }: Taken): void {
    if (this.#spare.length < SPARE_MAX) this.#spare.push(bytes);
  }

  /** The time up to which everything has been processed. */
  doneNs(nowNs: number): number {
    return this.#waiting.length === 0 ? nowNs : this.#waiting[0].timeNs;
  }
}
