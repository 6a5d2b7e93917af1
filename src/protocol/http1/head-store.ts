/**
 * Copies of message heads, one after the other in stores of fixed size. A head is three numbers and
 * a store: a buffer of its own for each would cost as much as parsing it. A store lives as long as
 * one of its heads does.
 */
import type { MessageHead } from '../types.ts';

export const STORE_BYTES = 32 * 1024;
/** Larger heads get a store of their own, so that they waste nothing and keep nothing else. */
const SHARED_BYTES_MAX = STORE_BYTES / 8;

const { copy } = Buffer.prototype;

class Head implements MessageHead {
  readonly store: Buffer;
  readonly start: number;
  readonly lenBytes: number;
  readonly known: ArrayLike<number>;
  readonly repeated: number;

  constructor(
    store: Buffer,
    start: number,
    lenBytes: number,
    known: ArrayLike<number>,
    repeated: number,
  ) {
    this.store = store;
    this.start = start;
    this.lenBytes = lenBytes;
    this.known = known;
    this.repeated = repeated;
  }

  get bytes(): Buffer {
    return this.store.subarray(this.start, this.start + this.lenBytes);
  }
}

export class HeadStore {
  #store = Buffer.allocUnsafeSlow(STORE_BYTES);
  #used = 0;

  /** Keeps bytes [start, end) of `source`; `known` and `repeated` as in MessageHead. */
  keep(
    source: Uint8Array,
    start: number,
    end: number,
    known: ArrayLike<number>,
    repeated: number,
  ): MessageHead {
    const lenBytes = end - start;
    if (lenBytes > SHARED_BYTES_MAX) {
      const own = Buffer.copyBytesFrom(source, start, lenBytes);
      return new Head(own, 0, lenBytes, known, repeated);
    }
    if (this.#used + lenBytes > STORE_BYTES) {
      this.#store = Buffer.allocUnsafeSlow(STORE_BYTES);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += lenBytes;
    // Of Buffer, which takes a range: `set` would need a view of it first.
    copy.call(source, this.#store, at, start, end);
    return new Head(this.#store, at, lenBytes, known, repeated);
  }
}
