/** A configuration file that may change: looked at once a second, and at SIGHUP. */
import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

const LOOK_INTERVAL_MS = 1_000;

/** Standard input and pipes cannot be read twice. */
export function canChange(file: string): boolean {
  return file !== '-' && statSync(file, { throwIfNoEntry: false })?.isFile() !== false;
}

/**
 * Calls `read` now, when `file` changes and at SIGHUP, one call at a time: what comes meanwhile is
 * followed by one more call. Links are followed, as Kubernetes replaces files by them. `isAsked`: by
 * SIGHUP.
 */
export function followFile(
  file: string,
  read: (isAsked: boolean) => Promise<void>,
): { stop(): void } {
  let isRunning = false;
  let isAgain = false;
  let isAsked = false;
  let seen = '';
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
  // The mark is taken before the file is read: a change in between is seen the next time.
  const compare = async () => {
    const mark = await markOf(file);
    if (mark === seen) return;
    seen = mark;
    look();
  };
  const timer = setInterval(() => void compare(), LOOK_INTERVAL_MS);
  process.on('SIGHUP', ask);
  // It may have changed since it was read for the start.
  void compare();
  return {
    stop: () => {
      clearInterval(timer);
      process.off('SIGHUP', ask);
    },
  };
}

/** Another one for another file, or another content. */
async function markOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return `missing: ${(error as NodeJS.ErrnoException).code}`;
  }
}
