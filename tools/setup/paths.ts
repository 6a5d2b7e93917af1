/** Where the set-up keeps things: the tree it belongs to, and the cache outside of it. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '..', '..');

function defaultCache(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'spantap');
}

/** Outside the tree, shared by all clones of one user: `SPANTAP_CACHE` names another place. */
export const cache = resolve(process.env.SPANTAP_CACHE || defaultCache());

/** Programs that were unpacked, as one folder for PATH; start.sh puts it first. */
export const cachedPrograms = join(cache, 'bin');

/**
 * Content hash of values and files; a file that is missing counts as such. Files of the tree count by
 * their place in it, so that clones in other places share what was built.
 */
export function hashOf(parts: readonly string[], files: readonly string[] = []): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part}\0`);
  for (const file of files) {
    hash.update(`${relative(root, file)}\0`);
    if (existsSync(file)) hash.update(readFileSync(file));
  }
  return hash.digest('hex').slice(0, 16);
}

/** All files below the folder that `wanted` accepts, sorted, so that their hash is stable. */
export function filesBelow(folder: string, wanted: (name: string) => boolean): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && wanted(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** A stamp says that a step was done for these inputs; it is written last. */
export function isStamped(file: string, key: string): boolean {
  return existsSync(file) && readFileSync(file, 'utf8') === key;
}

export function writeStamp(file: string, key: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, key);
}
