/**
 * Events in a file, a line each. The file is rotated here (`path` -> `path.1` -> `path.2` ...), and
 * may be rotated by others as well: before each batch the path is looked at, and when it no longer
 * leads to the open file (moved away, deleted) the file is opened anew. So no signal is needed.
 *
 * A batch is written whole or taken back: a full disk leaves no half line. One that a killed process
 * left is ended before the next line.
 */
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder } from '../../spool/make-folder.ts';
import { AgentError, messageOf } from '../../telemetry/agent-error.ts';
import { jsonLine } from './json-line.ts';
import type { EventSink, StoreEvent, WriteResult } from './types.ts';

export interface EventFileOptions {
  readonly path: string;
  /** A new file is begun before this size is passed. */
  readonly maxBytes: number;
  readonly maxBackups: number;
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly dev: number;
  readonly inode: number;
  sizeBytes: number;
  /** Its last line has no end. */
  isTorn: boolean;
}

const LINE_END = Buffer.from('\n');
const STORED: WriteResult = { kind: 'stored', rejected: 0, message: '' };

export class EventFile implements EventSink {
  readonly target: string;
  readonly #options: EventFileOptions;
  #file: OpenFile | undefined;

  private constructor(options: EventFileOptions) {
    this.target = options.path;
    this.#options = options;
  }

  /** @throws AgentError when the file cannot be created */
  static async open(options: EventFileOptions): Promise<EventFile> {
    const file = new EventFile(options);
    try {
      await makeFolder(dirname(options.path));
      file.#file = await openFile(options.path);
    } catch (cause) {
      const what = `the event store ${options.path} cannot be used`;
      const todo = 'name a file that this user may create or write to';
      throw new AgentError('store_directory', { what, why: messageOf(cause), todo }, { cause });
    }
    return file;
  }

  encode(event: StoreEvent): Uint8Array {
    return Buffer.from(jsonLine(event));
  }

  async write(events: readonly Uint8Array[]): Promise<WriteResult> {
    const bytes = Buffer.concat(events);
    try {
      const file = await this.#fileFor(bytes.length);
      await append(file, bytes);
      return STORED;
    } catch (error) {
      return { kind: 'retry', reason: messageOf(error), afterMs: undefined };
    }
  }

  async close(): Promise<void> {
    await this.#file?.handle.close();
    this.#file = undefined;
  }

  /** The open file at the path, with room for so much more. */
  async #fileFor(moreBytes: number): Promise<OpenFile> {
    const { path, maxBytes } = this.#options;
    if (this.#file !== undefined && !(await isStillAt(path, this.#file))) await this.close();
    this.#file ??= await openFile(path);
    if (this.#file.sizeBytes > 0 && this.#file.sizeBytes + moreBytes > maxBytes) {
      await this.#rotate();
      this.#file ??= await openFile(path);
    }
    return this.#file;
  }

  async #rotate(): Promise<void> {
    const { path, maxBackups } = this.#options;
    await this.close();
    if (maxBackups === 0) await rm(path, { force: true });
    for (let number = maxBackups; number > 0; number--) {
      await renameIfThere(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`);
    }
  }
}

async function openFile(path: string): Promise<OpenFile> {
  const handle = await open(path, 'a+', 0o600);
  try {
    const { dev, ino, size } = await handle.stat();
    const isTorn = size > 0 && !(await endsAt(handle, size));
    return { handle, dev, inode: ino, sizeBytes: size, isTorn };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Whether the byte before a position ends a line. */
async function endsAt(handle: FileHandle, position: number): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, position - 1);
  return bytesRead === 0 || buffer.equals(LINE_END);
}

/** Whether the path leads to the open file; its size is what it is now, whoever changed it. */
async function isStillAt(path: string, file: OpenFile): Promise<boolean> {
  try {
    const { dev, ino, size } = await stat(path);
    file.sizeBytes = size;
    return dev === file.dev && ino === file.inode;
  } catch {
    return false;
  }
}

async function append(file: OpenFile, lines: Uint8Array): Promise<void> {
  const bytes = file.isTorn ? Buffer.concat([LINE_END, lines]) : lines;
  try {
    await file.handle.appendFile(bytes);
    file.sizeBytes += bytes.length;
    file.isTorn = false;
  } catch (error) {
    await file.handle.truncate(file.sizeBytes).catch(() => undefined);
    throw error;
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
