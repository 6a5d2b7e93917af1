/** Folders for what outlives the process. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

const MODE = 0o700;

/**
 * The folder and those above it, as far as they are missing. `recursive` of mkdir tries for ever
 * where nothing can be created (below /proc).
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: MODE });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdir(path, { mode: MODE });
  }
}
