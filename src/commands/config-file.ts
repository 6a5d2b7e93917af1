/** A configuration file that may change: looked at once a second, and at SIGHUP. */
import { statSync, unwatchFile, watchFile } from 'node:fs';

const LOOK_INTERVAL_MS = 1_000;

/** Standard input and pipes cannot be read twice. */
export function canChange(file: string): boolean {
  return file !== '-' && statSync(file, { throwIfNoEntry: false })?.isFile() !== false;
}

/**
 * Calls `read` now, when `file` changes and at SIGHUP, one call at a time: what comes meanwhile is
 * followed by one more call. Links are followed, as Kubernetes replaces files by them. `isAsked`: by SIGHUP.
 */
export function followFile(
  file: string,
  read: (isAsked: boolean) => Promise<void>,
): { stop(): void } {
  let isRunning = false;
  let isAgain = false;
  let isAsked = false;
  const look = () => {
    isAgain = true;
    if (!isRunning) void run();
  };
  const run = async () => {
    isRunning = true;
    while (isAgain) {
      const wasAsked = isAsked;
      isAgain = false;
      isAsked = false;
      await read(wasAsked);
    }
    isRunning = false;
  };
  const ask = () => {
    isAsked = true;
    look();
  };
  watchFile(file, { interval: LOOK_INTERVAL_MS }, look);
  process.on('SIGHUP', ask);
  // It may have changed since it was read for the start.
  look();
  return {
    stop: () => {
      unwatchFile(file, look);
      process.off('SIGHUP', ask);
    },
  };
}
