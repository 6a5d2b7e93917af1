/**
 * Text to a file descriptor by the thread pool: a pipe that nobody reads holds up one of its
 * threads, never ours (process.stdout writes to pipes synchronously).
 */
import { write } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const BUSY_DELAY_MS = 5;

/** Rejects with the error of write(2): EPIPE when the reader is gone. */
export async function writeText(fd: number, text: string): Promise<void> {
  let left = Buffer.from(text);
  while (left.length > 0) {
    try {
      left = left.subarray(await writeOnce(fd, left));
    } catch (error) {
      // Somebody made it non-blocking, and it is full.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await delay(BUSY_DELAY_MS);
    }
  }
}

function writeOnce(fd: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
}
