const LF = 10;
const CR = 13;

/** What there is of a message head that arrives in several events. Bounded by `bytesMax`. */
export class PartialHead {
  bytes: Uint8Array;
  lengthBytes = 0;
  /** Its empty line is there. */
  isComplete = false;
  readonly #bytesMax: number;
  /** Bytes of the current line so far, and whether the first of them is a CR. */
  #lineBytes = 0;
  #startsWithCr = false;
  #isFirstLine = true;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.bytes = new Uint8Array(1024);
  }

  get isFull(): boolean {
    return this.lengthBytes >= this.#bytesMax;
  }

  /**
   * Appends bytes [at, end) of `source` up to the empty line that ends the head, or as many as fit.
   * Returns how many were taken.
   */
  append(source: Uint8Array, at: number, end: number): number {
    const stop = Math.min(end, at + this.#bytesMax - this.lengthBytes);
    let next = at;
    while (next < stop && !this.#isEmptyLine(source[next])) next++;
    this.isComplete = next < stop;
    if (this.isComplete) next++;
    this.#copy(source, at, next);
    return next - at;
  }

  /**
   * Steps over one byte; true for the LF of an empty line that is not the first. A line of several
   * CR is not empty (RFC 9112 2.2: a CR alone is invalid, or a blank), nor is it for HeadScan.
   */
  #isEmptyLine(code: number): boolean {
    if (code !== LF) {
      if (this.#lineBytes++ === 0) this.#startsWithCr = code === CR;
      return false;
    }
    const isBare = this.#lineBytes === 0 || (this.#lineBytes === 1 && this.#startsWithCr);
    const isEmpty = isBare && !this.#isFirstLine;
    this.#lineBytes = 0;
    this.#isFirstLine = false;
    return isEmpty;
  }

  #copy(source: Uint8Array, at: number, end: number): void {
    const length = this.lengthBytes + end - at;
    if (length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.bytes.length));
      larger.set(this.bytes.subarray(0, this.lengthBytes));
      this.bytes = larger;
    }
    this.bytes.set(source.subarray(at, end), this.lengthBytes);
    this.lengthBytes = length;
  }
}
