import type { DataEvent } from '../../capture/types.ts';

const NO_BYTES = new Uint8Array(0);

/**
 * Where the parser stands in a data event: present bytes [at, end) and then `fillerBytes` that
 * were not copied. One per stage, loaded anew for each event.
 */
export class Cursor {
  bytes: Uint8Array = NO_BYTES;
  at = 0;
  end = 0;
  fillerBytes = 0;
  /** Position in the stream of the byte at `at` (of the filler when nothing is present). */
  position = 0;

  /** `passedBytes`: bytes of the event that were seen before. */
  load(event: DataEvent, passedBytes: number): void {
    this.bytes = event.bytes;
    this.at = event.payloadStart;
    this.end = event.payloadStart + event.copiedBytes;
    this.fillerBytes = event.lenBytes - event.copiedBytes;
    this.position = event.position;
    if (passedBytes > 0) this.skip(passedBytes);
  }

  get leftBytes(): number {
    return this.end - this.at + this.fillerBytes;
  }

  skip(lenBytes: number): void {
    const present = Math.min(lenBytes, this.end - this.at);
    this.at += present;
    this.fillerBytes -= lenBytes - present;
    this.position += lenBytes;
  }

  skipAll(): void {
    this.skip(this.leftBytes);
  }
}
