/**
 * Text to a file descriptor by the thread pool: a pipe that nobody reads holds up one of its
 * threads, never ours. Standard output that is a pipe or a socket is non-blocking once Node has
 * looked at it (process.stdout); then it is asked again until there is room.
 */
import { write } from 'node:fs';
import { rest } from '../spool/rest.ts';

const BUSY_DELAY_MIN_MS = 5;
const BUSY_DELAY_MAX_MS = 100;

/** Rejects with the error of write(2), EPIPE when the reader is gone, or with that of the signal. */
export async function writeText(fd: number, text: string, signal: AbortSignal): Promise<void> {
  let left = Buffer.from(text);
  let delayMs = BUSY_DELAY_MIN_MS;
  while (left.length > 0) {
    signal.throwIfAborted();
    try {
      left = left.subarray(await writeOnce(fd, left));
      delayMs = BUSY_DELAY_MIN_MS;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await rest(delayMs, signal);
      delayMs = Math.min(2 * delayMs, BUSY_DELAY_MAX_MS);
    }
  }
}

function writeOnce(fd: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
}
