/**
 * The folder of bodies that do not fit into memory: ours alone (0700), files of mode 0600. What is
 * found there at the start was left by a process that was killed; nobody can decide it any more.
 */
import { readdir, unlink } from 'node:fs/promises';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { enterFolder } from '../spool/folder.ts';
import type { Counters } from '../telemetry/counters.ts';
import { PendingFile } from './pending-file.ts';

export interface PendingFileLimits {
  /** Of all files, with what is on its way into them. */
  readonly diskBytesMax: number;
  readonly filesMax: number;
  /** Of what is on its way: a disk that does not keep up. */
  readonly writeBytesMax: number;
}

const SUFFIX = '.body';
/** Threads of libuv, which everybody shares, that may wait for this disk at once. */
const JOBS_MAX = 2;

export class PendingFiles {
  readonly #folder: string;
  readonly #limits: PendingFileLimits;
  readonly #counters: Counters;
  readonly #lock: Server;
  readonly #open = new Set<PendingFile>();
  #diskBytes = 0;
  #writeBytes = 0;
  #number = 0;
  #jobs = 0;
  readonly #waiting: (() => void)[] = [];
  #onEmpty: () => void = () => undefined;

  private constructor(folder: string, limits: PendingFileLimits, counters: Counters, lock: Server) {
    this.#folder = folder;
    this.#limits = limits;
    this.#counters = counters;
    this.#lock = lock;
  }

  /** @throws AgentError when the folder cannot be used, or another process uses it. */
  static async open(
    folder: string,
    limits: PendingFileLimits,
    counters: Counters,
  ): Promise<PendingFiles> {
    const { lock } = await enterFolder(folder, async () => {
      for (const name of (await readdir(folder)).filter((each) => each.endsWith(SUFFIX))) {
        await unlink(join(folder, name));
        counters.add('store.pending_orphans');
      }
    });
    return new PendingFiles(folder, limits, counters, lock);
  }

  get diskBytes(): number {
    return this.#diskBytes;
  }

  get writeBytes(): number {
    return this.#writeBytes;
  }

  get count(): number {
    return this.#open.size;
  }

  /** null: there are too many. */
  create(): PendingFile | null {
    if (this.#open.size >= this.#limits.filesMax) return null;
    this.#counters.add('store.pending_to_disk');
    const file = new PendingFile(this, join(this.#folder, `${this.#number++}${SUFFIX}`));
    this.#open.add(file);
    return file;
  }

  /** Removes all files and leaves the folder. */
  async close(): Promise<void> {
    for (const file of this.#open) file.remove();
    if (this.#open.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
    }
    this.#lock.close();
  }

  /** Of a file: whether so many bytes more may be on the disk. */
  claim(lenBytes: number): boolean {
    if (this.#diskBytes + lenBytes > this.#limits.diskBytesMax) return false;
    this.#diskBytes += lenBytes;
    return true;
  }

  release(lenBytes: number): void {
    this.#diskBytes -= lenBytes;
  }

  claimWrite(lenBytes: number): boolean {
    if (this.#writeBytes + lenBytes > this.#limits.writeBytesMax) return false;
    this.#writeBytes += lenBytes;
    return true;
  }

  releaseWrite(lenBytes: number): void {
    this.#writeBytes -= lenBytes;
  }

  removed(file: PendingFile, lenBytes: number): void {
    this.release(lenBytes);
    this.#open.delete(file);
    if (this.#open.size === 0) this.#onEmpty();
  }

  /** Does the job when its turn comes. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#jobs >= JOBS_MAX) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    } else this.#jobs++;
    try {
      return await job();
    } finally {
      // The turn goes on to the next one, or back.
      const next = this.#waiting.shift();
      if (next === undefined) this.#jobs--;
      else next();
    }
  }
}
