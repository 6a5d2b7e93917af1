/**
 * Finds libbpf 1.3 or later with its static library: the one that the set-up unpacked into the
 * cache, or the system's own.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const MINOR_MIN = 3;

export function cacheFolder() {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return process.env.SPANTAP_CACHE || join(base, 'spantap');
}

/** `{ include, library }` below a root, or null when there is no libbpf new enough. */
function libbpfBelow(root) {
  const include = join(root, 'usr/include');
  const header = join(include, 'bpf/libbpf_version.h');
  if (!existsSync(header)) return null;
  const minor = Number(/LIBBPF_MINOR_VERSION (\d+)/.exec(readFileSync(header, 'utf8'))?.[1]);
  const folders = ['usr/lib64', 'usr/lib', ...multiarch(root)];
  const library = folders.map((name) => join(root, name, 'libbpf.a')).find(existsSync);
  return library && minor >= MINOR_MIN ? { include, library } : null;
}

function multiarch(root) {
  const lib = join(root, 'usr/lib');
  if (!existsSync(lib)) return [];
  return readdirSync(lib)
    .filter((name) => name.endsWith('-linux-gnu'))
    .map((name) => join('usr/lib', name));
}

/** `{ include, library }` of a usable libbpf; the set-up (tools/setup/libbpf.ts) provides one. */
export function findLibbpf() {
  const roots = [process.env.SPANTAP_LIBBPF, join(cacheFolder(), 'debian', 'libbpf'), '/'];
  for (const root of roots.filter(Boolean)) {
    const found = libbpfBelow(root);
    if (found) return found;
  }
  throw new Error(`no libbpf-dev >= 1.${MINOR_MIN}: npm run gen fetches it, or set SPANTAP_LIBBPF`);
}
