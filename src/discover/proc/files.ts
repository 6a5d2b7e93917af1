/**
 * Reading /proc: every read tolerates that the process ends in between (undefined, never thrown)
 * and is bounded. `root` is /proc itself, or a made-up tree in tests.
 */
import { closeSync, constants, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { limits } from '../../config/limits.ts';
import type { Counters } from '../../telemetry/counters.ts';

export const PROC_ROOT = '/proc';

/**
 * Text of a file under /proc, undefined when it is gone or must not be read. At most
 * `limits.procFileBytesMax` bytes are taken; beyond: `truncated.proc_files`.
 */
export function readProcText(path: string, counters?: Counters): string | undefined {
  return readProcBytes(path, counters)?.toString('latin1');
}

/** As readProcText, as bytes. */
export function readProcBytes(path: string, counters?: Counters): Buffer | undefined {
  return withFile(path, (fd) => readAll(fd, counters));
}

/**
 * What `read` says of an open file; undefined when it cannot be opened or reading fails. A FIFO that
 * a process put in the place of a file is opened without waiting for its writer.
 */
export function withFile<T>(path: string, read: (fd: number) => T): T | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    return read(fd);
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** Whether a file can be read, without reading more than its first byte. */
export function canRead(path: string): boolean {
  return withFile(path, (fd) => readSync(fd, Buffer.alloc(1)) === 1) ?? false;
}

/** Files of /proc tell no size: read until they end. */
function readAll(fd: number, counters: Counters | undefined): Buffer {
  const max = limits.procFileBytesMax;
  let buffer = Buffer.allocUnsafe(16 * 1024);
  let lenBytes = 0;
  for (;;) {
    const got = readSync(fd, buffer, lenBytes, buffer.length - lenBytes, null);
    lenBytes += got;
    if (got === 0) return buffer.subarray(0, lenBytes);
    if (lenBytes < buffer.length) continue;
    if (lenBytes >= max) {
      counters?.add('truncated.proc_files');
      return buffer.subarray(0, lenBytes);
    }
    buffer = Buffer.concat([buffer], Math.min(max, buffer.length * 4));
  }
}

/** Target of a symbolic link, undefined when it is gone or must not be read. */
export function readProcLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Names in a folder, empty when it is gone or must not be read. */
export function readProcFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Number in a link such as `net:[4026531840]` or `socket:[123]`, 0 when it has none. */
export function bracketNumber(link: string | undefined): number {
  const match = link?.match(/\[(\d+)\]$/);
  return match?.[1] === undefined ? 0 : Number(match[1]);
}
