/** The part of a pending body that did not fit into memory. Writes are not waited for. */
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, unlink } from 'node:fs/promises';

const MODE = 0o600;

export class PendingFile {
  readonly #path: string;
  #handle: FileHandle | undefined;
  #last: Promise<void> = Promise.resolve();
  #isFailed = false;

  constructor(path: string) {
    this.#path = path;
  }

  append(bytes: Uint8Array): void {
    this.#last = this.#last.then(() => this.#write(bytes));
  }

  /** What could be written: less than was appended when the disk refused. */
  async read(): Promise<Uint8Array> {
    await this.#last;
    return readFile(this.#path).catch(() => new Uint8Array(0));
  }

  async remove(): Promise<void> {
    await this.#last;
    await this.#handle?.close().catch(() => undefined);
    await unlink(this.#path).catch(() => undefined);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#isFailed) return;
    try {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
      this.#handle ??= await open(this.#path, flags | constants.O_NOFOLLOW, MODE);
      await this.#handle.appendFile(bytes);
    } catch {
      this.#isFailed = true;
    }
  }
}
