/** What earlier processes left in the folder of a file store. */
import { existsSync } from 'node:fs';
import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Bytes of all files below a folder; what disappears meanwhile counts nothing. Halves of objects
 * that a killed process was writing are deleted.
 */
export async function takeStock(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await takeStock(path);
    else if (isAbandoned(entry.name)) await unlink(path).catch(() => undefined);
    else if (entry.isFile()) bytes += await sizeOf(path);
  }
  return bytes;
}

/** `.<pid>-<number>.new` of a process that is no more. */
function isAbandoned(name: string): boolean {
  const pid = /^\.(\d+)-\d+\.new$/.exec(name)?.[1];
  return pid !== undefined && (Number(pid) === process.pid || !existsSync(`/proc/${pid}`));
}

function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
