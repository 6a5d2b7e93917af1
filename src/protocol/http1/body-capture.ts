/**
 * The beginning of a message body, kept for later stages up to `limits.bodyBytesMax`. A hole ends
 * it: what is kept has no gaps.
 */
export class BodyCapture {
  readonly #parts: Buffer[] = [];
  #room: number;
  #isOpen = true;
  /** True when bytes were left out because of the limit or because they were not copied. */
  isTruncated = false;

  constructor(bodyBytesMax: number) {
    this.#room = bodyBytesMax;
  }

  /** Body bytes [at, at + presentBytes) of `bytes`, then `fillerBytes` that are not there. */
  add(bytes: Uint8Array, at: number, presentBytes: number, fillerBytes: number): void {
    if (!this.#isOpen) return;
    const kept = Math.min(presentBytes, this.#room);
    if (kept > 0) this.#parts.push(Buffer.copyBytesFrom(bytes, at, kept));
    this.#room -= kept;
    if (kept < presentBytes || fillerBytes > 0) {
      this.isTruncated = true;
      this.#isOpen = false;
    }
  }

  /** Bytes were lost here: what follows does not belong to the beginning. */
  cut(): void {
    this.#isOpen = false;
  }

  /** What was kept, null when that is nothing. */
  join(): Buffer | null {
    const [first] = this.#parts;
    if (first === undefined) return null;
    return this.#parts.length === 1 ? first : Buffer.concat(this.#parts);
  }
}
