/**
 * One file of a spool: appended to by one process, read in order, deleted when every record in it
 * is done. A file found at start is only read, so that a torn tail stays where it is.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import {
  DONE,
  decodeHeader,
  encodeHeader,
  isWhole,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER,
} from './format.ts';

const READ_AHEAD_BYTES = 256 * 1024;
const MODE = 0o600;

export interface ReadRecord {
  readonly offset: number;
  readonly payload: Uint8Array;
}

/** `end`: nothing more in the file (yet). `torn`: so many bytes that cannot be read. */
export type ReadResult =
  | ({ readonly kind: 'record' } & ReadRecord)
  | { readonly kind: 'end' }
  | { readonly kind: 'torn'; readonly bytes: number };

export class Segment {
  readonly path: string;
  /** Whole records end here; what the file has beyond was not written to its end. */
  sizeBytes: number;
  isSealed: boolean;
  /** Offsets of records that were handed out, or given back, and are not done. */
  readonly unresolved = new Set<number>();
  /** Records handed out before they were written, start to end: the reader passes them by. */
  readonly taken = new Map<number, number>();
  #handle: FileHandle | undefined;
  #readOffset = SEGMENT_HEADER.length;
  #aheadOffset = 0;
  #ahead: Buffer = Buffer.alloc(0);
  readonly #recordBytesMax: number;

  constructor(path: string, sizeBytes: number, isSealed: boolean, recordBytesMax: number) {
    this.path = path;
    this.sizeBytes = sizeBytes;
    this.isSealed = isSealed;
    this.#recordBytesMax = recordBytesMax;
  }

  static async create(path: string, recordBytesMax: number): Promise<Segment> {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const handle = await open(path, flags, MODE);
    const segment = new Segment(path, SEGMENT_HEADER.length, false, recordBytesMax);
    segment.#handle = handle;
    try {
      await writeWhole(handle, [SEGMENT_HEADER], 0);
    } catch (error) {
      await segment.remove();
      throw error;
    }
    return segment;
  }

  /** Nothing is left to be read, and nothing that was read is in doubt. */
  get isFinished(): boolean {
    return this.isSealed && !this.hasMore && this.unresolved.size === 0;
  }

  get hasMore(): boolean {
    for (let end = this.#passed(); end !== undefined; end = this.#passed()) this.#readOffset = end;
    return this.#readOffset < this.sizeBytes;
  }

  /**
   * Appends records. `settle` gets their offsets before the first of them can be read. After an
   * error the file ends where it ended before.
   */
  async append(
    payloads: readonly Uint8Array[],
    settle: (offsets: readonly number[]) => void,
  ): Promise<void> {
    const handle = await this.#open();
    const offsets: number[] = [];
    let offset = this.sizeBytes;
    const chunks = payloads.flatMap((payload) => {
      offsets.push(offset);
      offset += RECORD_HEADER_BYTES + payload.length;
      return [encodeHeader(payload), payload];
    });
    try {
      await writeWhole(handle, chunks, this.sizeBytes);
    } catch (error) {
      await handle.truncate(this.sizeBytes).catch(() => undefined);
      throw error;
    }
    settle(offsets);
    this.sizeBytes = offset;
  }

  /** The next record that is neither done nor taken; each is given once. */
  async next(): Promise<ReadResult> {
    while (this.hasMore) {
      const offset = this.#readOffset;
      const header = await this.#bytes(offset, RECORD_HEADER_BYTES);
      const found = decodeHeader(header, this.#recordBytesMax);
      if (found.kind === 'torn') return this.#tearOff();
      const end = offset + RECORD_HEADER_BYTES + found.lengthBytes;
      if (found.isDone) {
        this.#readOffset = end;
        continue;
      }
      const payload = await this.#bytes(offset + RECORD_HEADER_BYTES, found.lengthBytes);
      if (payload.length < found.lengthBytes || !isWhole(header, payload)) return this.#tearOff();
      this.#readOffset = end;
      this.unresolved.add(offset);
      return { kind: 'record', offset, payload };
    }
    this.#ahead = Buffer.alloc(0);
    return { kind: 'end' };
  }

  /** Shows the first bytes of each record that is not done, and takes none. */
  async survey(prefixBytes: number, show: (prefix: Uint8Array) => void): Promise<void> {
    for (let offset = SEGMENT_HEADER.length; offset < this.sizeBytes; ) {
      const head = await this.#bytes(offset, RECORD_HEADER_BYTES + prefixBytes);
      const found = decodeHeader(head, this.#recordBytesMax);
      if (found.kind === 'torn') return;
      const start = RECORD_HEADER_BYTES;
      const end = offset + start + found.lengthBytes;
      if (end > this.sizeBytes) return;
      if (!found.isDone) show(head.subarray(start, start + found.lengthBytes));
      offset = end;
    }
  }

  /** A record that was read before, once more. */
  async readAgain(offset: number): Promise<Uint8Array | undefined> {
    const header = await this.#bytes(offset, RECORD_HEADER_BYTES);
    const found = decodeHeader(header, this.#recordBytesMax);
    if (found.kind === 'torn') return undefined;
    const payload = await this.#bytes(offset + RECORD_HEADER_BYTES, found.lengthBytes);
    return isWhole(header, payload) ? payload : undefined;
  }

  /** Gives up what has not been read; returns how many bytes that is. */
  giveUp(): number {
    const bytes = this.sizeBytes - this.#readOffset;
    this.#readOffset = this.sizeBytes;
    return bytes;
  }

  /** So that the record is not read again after a restart. */
  async markDone(offset: number): Promise<void> {
    const handle = await this.#open();
    await handle.write(DONE, 0, 1, offset);
  }

  async sync(): Promise<void> {
    await this.#handle?.datasync();
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  async remove(): Promise<void> {
    await this.close().catch(() => undefined);
    await unlink(this.path);
  }

  #passed(): number | undefined {
    const end = this.taken.get(this.#readOffset);
    this.taken.delete(this.#readOffset);
    return end;
  }

  #tearOff(): ReadResult {
    return { kind: 'torn', bytes: this.giveUp() };
  }

  async #open(): Promise<FileHandle> {
    this.#handle ??= await open(this.path, constants.O_RDWR | constants.O_NOFOLLOW);
    return this.#handle;
  }

  /** Fewer than asked for where the file ends. What is returned is the caller's own. */
  async #bytes(offset: number, count: number): Promise<Buffer> {
    const start = offset - this.#aheadOffset;
    if (start < 0 || start + count > this.#ahead.length) await this.#readAhead(offset, count);
    const from = offset - this.#aheadOffset;
    return Buffer.from(this.#ahead.subarray(from, from + count));
  }

  async #readAhead(offset: number, count: number): Promise<void> {
    const handle = await this.#open();
    const wanted = Math.min(Math.max(count, READ_AHEAD_BYTES), this.sizeBytes - offset);
    const buffer = Buffer.allocUnsafe(Math.max(0, wanted));
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await handle.read(
        buffer,
        filled,
        buffer.length - filled,
        offset + filled,
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.#ahead = buffer.subarray(0, filled);
    this.#aheadOffset = offset;
  }
}

/** writev(2) may write less than it was given, as when a disk is almost full. */
async function writeWhole(
  handle: FileHandle,
  chunks: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let at = position;
  let left = [...chunks];
  while (left.length > 0) {
    const { bytesWritten } = await handle.writev(left, at);
    at += bytesWritten;
    left = withoutFirst(left, bytesWritten);
    if (bytesWritten === 0 && left.some((chunk) => chunk.length > 0)) {
      throw new Error('nothing could be written');
    }
    if (bytesWritten === 0) return;
  }
}

function withoutFirst(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  return chunks.flatMap((chunk) => {
    const cut = Math.min(skip, chunk.length);
    skip -= cut;
    return cut === chunk.length ? [] : [chunk.subarray(cut)];
  });
}
