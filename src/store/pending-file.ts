/**
 * The part of a body that did not fit into memory. Nobody waits for its writes: bytes are copied
 * to chunks, and what has gathered is written when the disk is ready for it.
 *
 * It is not redacted yet, so the disk gets it enciphered: the key is in memory alone, and ends with
 * the file.
 */
import { type Cipheriv, createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import type { PendingFiles } from './pending-files.ts';

const MODE = 0o600;
const CHUNK_BYTES = 16 * 1024;
/** A stream cipher: as many bytes as there were, in pieces of any size. */
const CIPHER = 'aes-256-ctr';
const KEY_BYTES = 32;
/** Each key is of one file. */
const START = Buffer.alloc(16);
const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

interface Chunk {
  readonly bytes: Buffer;
  usedBytes: number;
}

export class PendingFile {
  readonly #files: PendingFiles;
  readonly #path: string;
  readonly #key = randomBytes(KEY_BYTES);
  readonly #cipher: Cipheriv = createCipheriv(CIPHER, this.#key, START);
  /** Not being written yet. */
  #chunks: Chunk[] = [];
  #lenBytes = 0;
  #isCreated = false;
  #isFailed = false;
  #isRemoved = false;
  /** Resolves when nothing is being written; null: nothing is. */
  #writing: Promise<void> | null = null;

  constructor(files: PendingFiles, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Takes `lenBytes` of `source` from `at` on: all of them, or none when a bound is reached. */
  append(source: Uint8Array, at: number, lenBytes: number): boolean {
    if (this.#isFailed || !this.#files.claim(lenBytes)) return false;
    const last = this.#chunks.at(-1);
    const roomBytes = last === undefined ? 0 : last.bytes.length - last.usedBytes;
    const more = lenBytes <= roomBytes ? 0 : Math.max(CHUNK_BYTES, lenBytes - roomBytes);
    if (more > 0 && !this.#files.claimWrite(more)) {
      this.#files.release(lenBytes);
      return false;
    }
    const first = Math.min(lenBytes, roomBytes);
    if (last !== undefined) fill(last, source, at, first);
    if (more > 0) {
      const chunk = { bytes: Buffer.allocUnsafeSlow(more), usedBytes: 0 };
      fill(chunk, source, at + first, lenBytes - first);
      this.#chunks.push(chunk);
    }
    this.#lenBytes += lenBytes;
    this.#writing ??= this.#files.run(() => this.#write());
    return true;
  }

  /** Fills `target`; returns how many bytes there were: fewer when the disk refused some. */
  async readInto(target: Uint8Array): Promise<number> {
    await this.#writing;
    const readBytes = await this.#files.run(() => readAll(this.#path, target));
    const read = target.subarray(0, readBytes);
    read.set(createDecipheriv(CIPHER, this.#key, START).update(read));
    return readBytes;
  }

  /** May be called while it is written; the room is free when the file is gone. */
  remove(): void {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    void this.#remove();
  }

  async #remove(): Promise<void> {
    await this.#writing;
    if (this.#isCreated) await this.#files.run(() => unlink(this.#path).catch(() => undefined));
    this.#files.removed(this, this.#lenBytes);
  }

  async #write(): Promise<void> {
    while (this.#chunks.length > 0) {
      const chunks = this.#chunks.splice(0);
      if (!this.#isRemoved && !this.#isFailed) await this.#writeChunks(chunks);
      for (const { bytes } of chunks) this.#files.releaseWrite(bytes.length);
    }
    this.#writing = null;
  }

  /** In its place. */
  #encipher({ bytes, usedBytes }: Chunk): Buffer {
    const used = bytes.subarray(0, usedBytes);
    used.set(this.#cipher.update(used));
    return used;
  }

  async #writeChunks(chunks: readonly Chunk[]): Promise<void> {
    let handle: FileHandle | undefined;
    try {
      const flags = O_WRONLY | O_APPEND | O_NOFOLLOW | (this.#isCreated ? 0 : O_CREAT | O_EXCL);
      handle = await open(this.#path, flags, MODE);
      this.#isCreated = true;
      await writeAll(
        handle,
        chunks.map((chunk) => this.#encipher(chunk)),
      );
    } catch {
      this.#isFailed = true;
    } finally {
      await handle?.close().catch(() => undefined);
    }
  }
}

function fill(chunk: Chunk, source: Uint8Array, at: number, lenBytes: number): void {
  chunk.bytes.set(source.subarray(at, at + lenBytes), chunk.usedBytes);
  chunk.usedBytes += lenBytes;
}

/** One call for all of them, unless the disk takes less. */
async function writeAll(handle: FileHandle, enciphered: readonly Buffer[]): Promise<void> {
  let pieces = [...enciphered];
  while (pieces.length > 0) {
    let { bytesWritten } = await handle.writev(pieces);
    const rest = pieces.findIndex(({ length }) => {
      bytesWritten -= length;
      return bytesWritten < 0;
    });
    pieces = rest === -1 ? [] : pieces.slice(rest);
    // Negative: so many bytes of that piece are left.
    if (rest !== -1) pieces[0] = pieces[0].subarray(bytesWritten);
  }
}

async function readAll(path: string, target: Uint8Array): Promise<number> {
  let handle: FileHandle | undefined;
  let doneBytes = 0;
  try {
    handle = await open(path, O_RDONLY | O_NOFOLLOW);
    while (doneBytes < target.length) {
      const { bytesRead } = await handle.read(target, doneBytes, target.length - doneBytes);
      if (bytesRead === 0) break;
      doneBytes += bytesRead;
    }
  } catch {
    // What could be read is there; the caller sees that it is less.
  } finally {
    await handle?.close().catch(() => undefined);
  }
  return doneBytes;
}
