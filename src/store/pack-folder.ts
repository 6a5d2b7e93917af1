/**
 * Open packs on disk: one file each, named by its key, appended to as the pack grows and removed
 * when it was handed over. After kill -9 the next process hands over what it finds, without the
 * member that was cut.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { claimFolder } from '../spool/folder.ts';
import { packObject } from './packer.ts';
import { TAR_END, wholeMembersBytes } from './tar.ts';
import type { StoredObject } from './types.ts';

const SUFFIX = '.open';
const MODE = 0o600;

export class PackFolder {
  readonly #folder: string;
  readonly #onError: (error: Error) => void;

  constructor(folder: string, onError: (error: Error) => void) {
    this.#folder = folder;
    this.#onError = onError;
  }

  static async open(folder: string, onError: (error: Error) => void): Promise<PackFolder> {
    await claimFolder(folder);
    return new PackFolder(folder, onError);
  }

  begin(key: string): PackJournal {
    return new PackJournal(join(this.#folder, encodeURIComponent(key) + SUFFIX), this.#onError);
  }

  /** Packs of earlier processes, finished; each is gone when `take` returned true. */
  async recover(take: (pack: StoredObject) => boolean): Promise<number> {
    let count = 0;
    for (const name of (await readdir(this.#folder)).filter((each) => each.endsWith(SUFFIX))) {
      const path = join(this.#folder, name);
      const content = await readFile(path);
      const whole = content.subarray(0, wholeMembersBytes(content));
      const key = decodeURIComponent(name.slice(0, -SUFFIX.length));
      if (whole.length > 0 && !take(packObject(key, Buffer.concat([whole, TAR_END])))) continue;
      if (whole.length > 0) count++;
      await unlink(path);
    }
    return count;
  }
}

/** One open pack; writes follow one another and are not waited for. */
export class PackJournal {
  readonly #path: string;
  readonly #onError: (error: Error) => void;
  #handle: FileHandle | undefined;
  #last: Promise<void> = Promise.resolve();
  #isFailed = false;

  constructor(path: string, onError: (error: Error) => void) {
    this.#path = path;
    this.#onError = onError;
  }

  append(chunks: readonly Uint8Array[]): void {
    this.#last = this.#last.then(() => this.#write(chunks));
  }

  async remove(): Promise<void> {
    await this.#last;
    await this.#handle?.close().catch(() => undefined);
    if (this.#handle !== undefined) await unlink(this.#path).catch(() => undefined);
  }

  /** A file that failed is given up: half of it would shift what comes after. */
  async #write(chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#isFailed) return;
    try {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
      this.#handle ??= await open(this.#path, flags, MODE);
      await this.#handle.appendFile(Buffer.concat(chunks));
    } catch (error) {
      this.#isFailed = true;
      this.#onError(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
