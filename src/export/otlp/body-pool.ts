/**
 * Buffers of requests that were sent, filled again. New ones would lie there until the garbage
 * collector looks, which it has little reason to on this thread: 30 MB at 8 000 requests/s.
 */

/** As many as are under way at once; what a long queue leaves behind is not kept. */
const SPARE_MAX = 4;
/** Requests differ a little in size: rounded up, one buffer fits the next as well. */
const GRAIN_BYTES = 16 * 1024;

export class BodyPool {
  readonly #spare: Buffer[] = [];

  /** A buffer of `lenBytes` whose bytes are anything. */
  take(lenBytes: number): Buffer {
    const index = this.#spare.findIndex((spare) => spare.length >= lenBytes);
    const whole =
      index < 0
        ? Buffer.allocUnsafeSlow(Math.ceil(lenBytes / GRAIN_BYTES) * GRAIN_BYTES)
        : this.#spare.splice(index, 1)[0];
    return whole.subarray(0, lenBytes);
  }

  /** What `take` gave, of which nobody has a use any more. */
  give(body: Uint8Array): void {
    this.#spare.push(Buffer.from(body.buffer, 0, body.buffer.byteLength));
    // The larger ones are of more use.
    this.#spare.sort((a, b) => a.length - b.length);
    if (this.#spare.length > SPARE_MAX) this.#spare.shift();
  }
}
