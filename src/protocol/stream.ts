/**
 * One direction of a connection: bytes with positions, gaps allowed. The kernel counts every byte
 * that a call moved, so a position beyond the expected one is a loss, and its size.
 */
export class Stream {
  /** Position of the next byte; -1 until the first event of a direction whose start was not seen. */
  expected: number;

  constructor(position: number) {
    this.expected = position;
  }

  /**
   * Notes that bytes [position, position + lenBytes) arrived. Returns the bytes missing before
   * them; 0 when they follow on; negative: so many of them (from the first) were already passed,
   * as duplicates or because they arrive after a gap was declared.
   */
  arrive(position: number, lenBytes: number): number {
    const gapBytes = this.expected === -1 ? 0 : position - this.expected;
    const end = position + lenBytes;
    if (end > this.expected) this.expected = end;
    return gapBytes;
  }
}
