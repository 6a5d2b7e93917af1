/** A configuration file that may change: looked at once a second, and at SIGHUP. */
import { unwatchFile, watchFile } from 'node:fs';

const LOOK_INTERVAL_MS = 1_000;

/**
 * Calls `read` now, when `file` changes and at SIGHUP, one call at a time: what comes meanwhile is
 * followed by one more call. Links are followed, as Kubernetes replaces files by them.
 */
export function followFile(file: string, read: () => Promise<void>): { stop(): void } {
  let isRunning = false;
  let isAgain = false;
  const look = () => {
    isAgain = true;
    if (!isRunning) void run();
  };
  const run = async () => {
    isRunning = true;
    while (isAgain) {
      isAgain = false;
      await read();
    }
    isRunning = false;
  };
  watchFile(file, { interval: LOOK_INTERVAL_MS }, look);
  process.on('SIGHUP', look);
  // It may have changed since it was read for the start.
  look();
  return {
    stop: () => {
      unwatchFile(file, look);
      process.off('SIGHUP', look);
    },
  };
}
