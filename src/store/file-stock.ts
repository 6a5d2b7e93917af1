/** What earlier processes left in the folder of a file store. */
import { existsSync } from 'node:fs';
import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

export interface StockTaking {
  /** Unix milliseconds: what was written since is counted by whoever wrote it. */
  readonly untilMs: number;
  /** Bytes of one more file. */
  readonly found: (sizeBytes: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Counts all files below a folder, one after the other: there may be millions, and nobody waits for
 * it. What disappears meanwhile counts nothing. Halves of objects that a killed process was writing
 * are deleted.
 */
export async function takeStock(folder: string, taking: StockTaking): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (taking.signal.aborted) return;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await takeStock(path, taking);
    else if (entry.isFile()) await count(path, entry.name, taking);
  }
}

async function count(path: string, name: string, { untilMs, found }: StockTaking): Promise<void> {
  const file = await stat(path).catch(() => undefined);
  if (file === undefined || file.mtimeMs >= untilMs) return;
  if (isAbandoned(name)) await unlink(path).catch(() => undefined);
  else found(file.size);
}

/** `.<pid>-<number>.new` of a process that is no more, or had our number before us. */
function isAbandoned(name: string): boolean {
  const pid = /^\.(\d+)-\d+\.new$/.exec(name)?.[1];
  return pid !== undefined && (Number(pid) === process.pid || !existsSync(`/proc/${pid}`));
}
