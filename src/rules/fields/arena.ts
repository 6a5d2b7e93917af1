/** Room for texts that do not lie in the batch as they are read: decoded, joined, unfolded. */
import type { TextSlice } from '../types.ts';

const BYTES_START = 4_096;

export class Arena {
  #bytes = new Uint8Array(BYTES_START);
  #used = 0;
  #start = 0;

  /** Forgets everything; slices given out before are overwritten. */
  reset(): void {
    this.#used = 0;
    this.#start = 0;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    while (this.#used + end - start > this.#bytes.length) this.#grow();
    const target = this.#bytes;
    let to = this.#used;
    for (let at = start; at < end; at++) target[to++] = bytes[at];
    this.#used = to;
  }

  push(byte: number): void {
    if (this.#used === this.#bytes.length) this.#grow();
    this.#bytes[this.#used++] = byte;
  }

  /** What was appended since the last time. */
  take(into: TextSlice): true {
    into.bytes = this.#bytes;
    into.start = this.#start;
    into.end = this.#used;
    this.#start = this.#used;
    return true;
  }

  /** Slices of the old bytes stay valid. */
  #grow(): void {
    const bytes = new Uint8Array(2 * this.#bytes.length);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}
