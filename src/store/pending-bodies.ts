/**
 * Bodies of exchanges that are not decided yet: whether they are to be stored is known only when
 * the exchange has ended. They are held in memory up to a bound, then in files (0600) up to
 * another; beyond that a body is cut, marked and counted.
 *
 *   open --append--> memory --(bound)--> file --read--> kept | discarded
 */
import { createHash, type Hash } from 'node:crypto';
import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Counters } from '../telemetry/counters.ts';
import { PendingFile } from './pending-file.ts';
import type { BodyInput } from './record-input.ts';
import { claimFolder } from './spool/folder.ts';

export interface PendingLimits {
  /** Of one body; what is beyond is counted and digested, not kept. */
  readonly bodyBytesMax: number;
  readonly memoryBytesMax: number;
  /** Of all files, and of what is on its way into them. */
  readonly diskBytesMax: number;
  readonly filesMax: number;
}

const SUFFIX = '.body';
const EMPTY = new Uint8Array(0);

export class PendingBodies {
  readonly #folder: string;
  readonly #limits: PendingLimits;
  readonly #counters: Counters;
  #memoryBytes = 0;
  #diskBytes = 0;
  #files = 0;
  #number = 0;

  private constructor(folder: string, limits: PendingLimits, counters: Counters) {
    this.#folder = folder;
    this.#limits = limits;
    this.#counters = counters;
  }

  /** Deletes what an earlier process left: nobody can decide it any more. */
  static async open(
    folder: string,
    limits: PendingLimits,
    counters: Counters,
  ): Promise<PendingBodies> {
    await claimFolder(folder);
    for (const name of (await readdir(folder)).filter((each) => each.endsWith(SUFFIX))) {
      await unlink(join(folder, name));
      counters.add('store.pending_orphans');
    }
    return new PendingBodies(folder, limits, counters);
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  get diskBytes(): number {
    return this.#diskBytes;
  }

  get files(): number {
    return this.#files;
  }

  start(): PendingBody {
    return new PendingBody(this, this.#limits.bodyBytesMax, this.#counters);
  }

  /** Of a body: whether so many bytes more may be in memory. */
  claimMemory(bytes: number): boolean {
    if (this.#memoryBytes + bytes > this.#limits.memoryBytesMax) return false;
    this.#memoryBytes += bytes;
    return true;
  }

  releaseMemory(bytes: number): void {
    this.#memoryBytes -= bytes;
  }

  claimDisk(bytes: number): boolean {
    if (this.#diskBytes + bytes > this.#limits.diskBytesMax) return false;
    this.#diskBytes += bytes;
    return true;
  }

  /** A file for a body that does not fit into memory; undefined when there are too many. */
  claimFile(): PendingFile | undefined {
    if (this.#files >= this.#limits.filesMax) return undefined;
    this.#files++;
    this.#counters.add('store.pending_to_disk');
    return new PendingFile(join(this.#folder, `${this.#number++}${SUFFIX}`));
  }

  releaseFile(bytes: number): void {
    this.#files--;
    this.#diskBytes -= bytes;
  }
}

/**
 * One body as it comes in; `read` or `discard` ends it. Digests are taken on the way only where
 * the bytes are not all in memory at the end.
 */
export class PendingBody {
  readonly #owner: PendingBodies;
  readonly #bytesMax: number;
  readonly #counters: Counters;
  /** Of all bytes so far, and of those that are kept when that is less. */
  #whole: Hash | undefined;
  #stored: Hash | undefined;
  readonly #chunks: Uint8Array[] = [];
  #file: PendingFile | undefined;
  #lenBytes = 0;
  #memoryBytes = 0;
  #fileBytes = 0;
  #isCut = false;
  #hasGap = false;

  constructor(owner: PendingBodies, bytesMax: number, counters: Counters) {
    this.#owner = owner;
    this.#bytesMax = bytesMax;
    this.#counters = counters;
  }

  /** Bytes so far, seen or not. */
  get lenBytes(): number {
    return this.#lenBytes;
  }

  /** The next bytes; they are the body's from now on. */
  append(bytes: Uint8Array): void {
    this.#lenBytes += bytes.length;
    if (this.#hasGap) return;
    const isSmall = !this.#isCut && this.#storedBytes + bytes.length <= this.#bytesMax;
    if (isSmall && this.#whole === undefined && this.#owner.claimMemory(bytes.length)) {
      this.#chunks.push(bytes);
      this.#memoryBytes += bytes.length;
      return;
    }
    const whole = this.#digestSoFar();
    if (this.#isCut) {
      whole.update(bytes);
      return;
    }
    const kept = bytes.subarray(0, this.#bytesMax - this.#storedBytes);
    const isKept = kept.length > 0 && this.#keepInFile(kept);
    whole.update(isKept ? kept : EMPTY);
    if (!isKept || kept.length < bytes.length) this.#cut();
    whole.update(isKept ? bytes.subarray(kept.length) : bytes);
  }

  /** Bytes that were not seen: what comes after them is not kept, their length is. */
  skip(lenBytes: number): void {
    if (lenBytes === 0) return;
    this.#cut();
    this.#lenBytes += lenBytes;
    this.#hasGap = true;
  }

  /** The exchange is decided: the body is wanted. Nothing is held any more. */
  async read(): Promise<BodyInput> {
    const tail = (await this.#file?.read()) ?? new Uint8Array(0);
    const bytes = Buffer.concat([...this.#chunks, tail]);
    const isRead = bytes.length === this.#storedBytes;
    if (!isRead) this.#counters.add('truncated.store_pending');
    this.#end();
    const whole = this.#hasGap ? undefined : this.#whole?.digest('hex');
    return {
      bytes,
      lenBytes: this.#lenBytes,
      isTruncated: this.#isCut || !isRead,
      isRedacted: false,
      sha256: isRead ? (this.#stored?.digest('hex') ?? whole) : undefined,
      wholeSha256: whole,
    };
  }

  /** The exchange is decided: the body is not wanted. */
  discard(): void {
    this.#counters.add('store.pending_discarded');
    this.#end();
  }

  get #storedBytes(): number {
    return this.#memoryBytes + this.#fileBytes;
  }

  #keepInFile(bytes: Uint8Array): boolean {
    if (this.#owner.claimDisk(bytes.length)) {
      this.#file ??= this.#owner.claimFile();
      this.#file?.append(bytes);
      if (this.#file !== undefined) {
        this.#fileBytes += bytes.length;
        return true;
      }
      this.#owner.claimDisk(-bytes.length);
    }
    this.#counters.add('truncated.store_pending');
    return false;
  }

  #digestSoFar(): Hash {
    if (this.#whole !== undefined) return this.#whole;
    this.#whole = createHash('sha256');
    for (const chunk of this.#chunks) this.#whole.update(chunk);
    return this.#whole;
  }

  /** From here on nothing is kept. */
  #cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#stored = this.#digestSoFar().copy();
  }

  #end(): void {
    this.#owner.releaseMemory(this.#memoryBytes);
    this.#chunks.length = 0;
    const file = this.#file;
    if (file !== undefined) void file.remove().then(() => this.#owner.releaseFile(this.#fileBytes));
  }
}
