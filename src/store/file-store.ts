/**
 * Objects as files below a folder: written beside their place and renamed into it, so that nobody
 * sees half of one. Files are for this user only (0600, folders 0700).
 */
import { constants } from 'node:fs';
import { mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { within } from '../spool/rest.ts';
import { takeStock } from './file-stock.ts';
import { expandUrl } from './keys.ts';
import type { ObjectStore, PutResult, StoredObject } from './types.ts';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export interface FileStoreSettings {
  readonly directory: string;
  readonly accessUrl: string | undefined;
  /** Of all files, those of earlier processes included. */
  readonly bytesMax: number;
}

/** Objects wait so long for the count of what is there; larger stores are counted beside them. */
const STOCK_PATIENCE_MS = 2_000;

export class FileStore implements ObjectStore {
  readonly target: string;
  readonly #settings: FileStoreSettings;
  readonly #closing = new AbortController();
  #bytes = 0;
  #number = 0;
  /** Settles when the stock is known, or takes too long. */
  #stock: Promise<void> | undefined;

  constructor(settings: FileStoreSettings) {
    this.target = settings.directory;
    this.#settings = settings;
  }

  /**
   * Counts what earlier processes left. Until that is done the bound holds for what was counted so
   * far. Resolves at its end, which nobody has to await.
   */
  async takeStock(patienceMs = STOCK_PATIENCE_MS): Promise<void> {
    const taken = takeStock(this.#settings.directory, {
      untilMs: performance.timeOrigin + performance.now(),
      found: (sizeBytes) => {
        this.#bytes += sizeBytes;
      },
      signal: this.#closing.signal,
    });
    this.#stock = within(patienceMs, taken);
    await taken;
  }

  /** Bytes of all objects, as far as they are counted. */
  get bytes(): number {
    return this.#bytes;
  }

  async put(object: StoredObject): Promise<PutResult> {
    const path = join(this.#settings.directory, object.key);
    const sizeBytes = object.bytes.length;
    await this.#stock;
    try {
      const before = await sizeOf(path);
      if (before !== undefined && object.isContentAddressed) return { kind: 'existed' };
      if (this.#bytes + sizeBytes > this.#settings.bytesMax) {
        const reason = `max_size (${this.#settings.bytesMax} bytes) is reached`;
        return { kind: 'refused', reason, isFull: true };
      }
      this.#bytes += sizeBytes - (before ?? 0);
      try {
        await this.#write(path, object.bytes);
      } catch (error) {
        this.#bytes -= sizeBytes - (before ?? 0);
        throw error;
      }
      return { kind: 'stored' };
    } catch (error) {
      return failure(error);
    }
  }

  uriOf(key: string): string {
    return pathToFileURL(join(this.#settings.directory, key)).href;
  }

  urlOf(key: string, sha256: string): string | undefined {
    const { accessUrl, directory } = this.#settings;
    if (accessUrl === undefined) return undefined;
    const parts = { SCHEME: 'file', ENDPOINT: '', BUCKET: directory, DIGEST: key, SHA256: sha256 };
    return expandUrl(accessUrl, parts);
  }

  async close(): Promise<void> {
    this.#closing.abort();
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const folder = dirname(path);
    const temporary = join(folder, `.${process.pid}-${this.#number++}.new`);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const create = () => open(temporary, flags, FILE_MODE);
    const handle = await create().catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
      return create();
    });
    try {
      await handle.writeFile(bytes);
      await handle.close();
      await rename(temporary, path);
    } catch (error) {
      await handle.close().catch(() => undefined);
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function failure(error: unknown): PutResult {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENAMETOOLONG') return { kind: 'refused', reason: message, isFull: false };
  const isDenied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return { kind: 'retry', reason: message, isDenied, afterMs: undefined };
}
