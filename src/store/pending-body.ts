/**
 * One body as it comes in: in memory, then in a file, then cut. Digests are taken on the way, of
 * bodies that will not cross with their row; of the others whoever reads them can take it.
 */
import { createHash, type Hash } from 'node:crypto';
import { limits } from '../config/limits.ts';
import type { CapturedBody } from '../handoff/captured-body.ts';
import type { PendingBodies } from './pending-bodies.ts';
import type { PendingFile } from './pending-file.ts';
import { BlockChain } from './pending-memory.ts';

export class PendingBody implements CapturedBody {
  readonly #owner: PendingBodies;
  readonly #bytesMax: number;
  /** Whether the kernel copies so much more than is kept that all of it may be seen. */
  readonly #mayBeSeen: boolean;
  readonly #memory = new BlockChain();
  #file: PendingFile | null = null;
  #fileBytes = 0;
  #whole: Hash | null = null;
  /** Whether every byte so far was seen, and none went by without a digest that has to have one. */
  #isSeen = true;
  #isOpen = true;
  #isFinished = false;
  #isGone = false;
  isTruncated = false;

  constructor(owner: PendingBodies, bytesMax: number, lenBytes: number) {
    this.#owner = owner;
    this.#bytesMax = bytesMax;
    this.#mayBeSeen = lenBytes !== -1 && lenBytes <= bytesMax + limits.headBytesMax;
  }

  get keptBytes(): number {
    return this.#memory.lenBytes + this.#fileBytes;
  }

  get isInline(): boolean {
    return this.#file === null && this.#memory.lenBytes <= limits.inlineBodyBytesMax;
  }

  get digest(): Uint8Array | null {
    return this.#isFinished && this.#whole !== null ? this.#whole.copy().digest() : null;
  }

  add(bytes: Uint8Array, at: number, presentBytes: number, fillerBytes: number): void {
    if (this.#isGone || (!this.#isOpen && this.#whole === null)) return;
    if (presentBytes > 0) this.#take(bytes, at, presentBytes);
    if (fillerBytes === 0) return;
    this.#unsee();
    this.#close();
  }

  cut(): void {
    this.#unsee();
    this.#isOpen = false;
  }

  finish(): void {
    this.#isFinished = true;
    this.#isOpen = false;
  }

  copyTo(target: Uint8Array, at: number): void {
    this.#owner.memory.copyTo(this.#memory, target, at);
  }

  hold(): number {
    this.#isOpen = false;
    return this.#owner.hold(this);
  }

  discard(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#owner.memory.release(this.#memory);
    this.#file?.remove();
  }

  /**
   * Everything that is kept; nothing is held afterwards. Shorter than `keptBytes` when the disk did
   * not take its part.
   */
  async read(): Promise<Uint8Array<ArrayBuffer>> {
    const memoryBytes = this.#memory.lenBytes;
    const bytes = new Uint8Array(this.keptBytes);
    this.copyTo(bytes, 0);
    this.#owner.memory.release(this.#memory);
    const readBytes = (await this.#file?.readInto(bytes.subarray(memoryBytes))) ?? 0;
    const isWhole = readBytes === this.#fileBytes;
    if (!isWhole) this.#owner.counters.add('truncated.store_pending');
    this.discard();
    return isWhole ? bytes : bytes.slice(0, memoryBytes + readBytes);
  }

  #take(bytes: Uint8Array, at: number, lenBytes: number): void {
    const roomBytes = this.#isOpen ? this.#bytesMax - this.keptBytes : 0;
    const keptBytes = Math.min(lenBytes, roomBytes);
    const isLong = keptBytes < lenBytes;
    if (isLong && !this.#mayBeSeen && this.#whole === null) this.#unsee();
    const isInMemory = keptBytes > 0 && this.#toMemory(bytes, at, keptBytes);
    if (isLong || !isInMemory || !this.isInline || this.#whole !== null) {
      this.#digest(bytes, at, lenBytes, isInMemory ? keptBytes : 0);
    }
    const isKept = isInMemory || (keptBytes > 0 && this.#toFile(bytes, at, keptBytes));
    if (isLong || !isKept) this.#close();
  }

  /** Of `lenBytes` the first `doneBytes` are in memory already. */
  #digest(bytes: Uint8Array, at: number, lenBytes: number, doneBytes: number): void {
    if (!this.#isSeen) return;
    if (this.#whole === null) {
      const whole = createHash('sha256');
      this.#owner.memory.forEach(this.#memory, (piece) => whole.update(piece));
      this.#whole = whole;
      whole.update(bytes.subarray(at + doneBytes, at + lenBytes));
    } else {
      this.#whole.update(bytes.subarray(at, at + lenBytes));
    }
  }

  #toMemory(bytes: Uint8Array, at: number, lenBytes: number): boolean {
    if (this.#file !== null) return false;
    return this.#owner.memory.append(this.#memory, bytes, at, lenBytes);
  }

  #toFile(bytes: Uint8Array, at: number, lenBytes: number): boolean {
    this.#file ??= this.#owner.createFile();
    if (this.#file?.append(bytes, at, lenBytes) === true) {
      this.#fileBytes += lenBytes;
      return true;
    }
    this.#owner.counters.add('truncated.store_pending');
    return false;
  }

  /** Bytes went by that have no place in the digest of the whole. */
  #unsee(): void {
    this.#isSeen = false;
    this.#whole = null;
  }

  /** From here on nothing is kept. */
  #close(): void {
    if (this.#isOpen) this.isTruncated = true;
    this.#isOpen = false;
  }
}
