/**
 * Finds libbpf 1.3 or later with its static library: the system's own, or the one of the
 * distribution's backports, unpacked into the cache without installing it (the machine may need
 * its older one, and the user's apt files stay untouched).
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
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

function osRelease() {
  const text = readFileSync('/etc/os-release', 'utf8');
  return Object.fromEntries(
    [...text.matchAll(/^(\w+)="?([^"\n]*)"?$/gm)].map((match) => [match[1], match[2]]),
  );
}

/** The archive that this machine's own sources name for its release: a mirror stays a mirror. */
function archiveOf(codename) {
  const folder = '/etc/apt/sources.list.d';
  const files = ['/etc/apt/sources.list'];
  if (existsSync(folder)) files.push(...readdirSync(folder).map((name) => join(folder, name)));
  for (const file of files.filter(existsSync)) {
    for (const stanza of readFileSync(file, 'utf8').split(/\n\s*\n/)) {
      const uri = /^URIs:\s*(\S+)/m.exec(stanza)?.[1];
      const suites = /^Suites:\s*(.*)$/m.exec(stanza)?.[1]?.split(/\s+/) ?? [];
      if (uri && suites.includes(codename)) return uri;
      const line = new RegExp(`^deb\\s+(?:\\[[^\\]]*\\]\\s+)?(\\S+)\\s+${codename}\\s`, 'm');
      const found = line.exec(stanza)?.[1];
      if (found) return found;
    }
  }
  throw new Error(`no apt source for ${codename} found: install libbpf-dev >= 1.${MINOR_MIN}`);
}

function unpackFromBackports(root) {
  const codename = osRelease().VERSION_CODENAME;
  const apt = join(cacheFolder(), 'apt');
  const lists = join(apt, 'lists');
  const debs = join(apt, 'debs');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  mkdirSync(debs, { recursive: true });
  const sources = join(apt, 'backports.list');
  const key = '/usr/share/keyrings/debian-archive-keyring.gpg';
  const archive = archiveOf(codename);
  writeFileSync(sources, `deb [signed-by=${key}] ${archive} ${codename}-backports main\n`);
  const options = [
    ...['-o', `Dir::Etc::sourcelist=${sources}`],
    ...['-o', 'Dir::Etc::sourceparts=-'],
    ...['-o', `Dir::State::lists=${lists}`],
    ...['-o', 'APT::Sandbox::User=root'],
  ];
  const run = (command, args) =>
    execFileSync(command, args, { cwd: debs, stdio: ['ignore', 'ignore', 'inherit'] });
  run('apt-get', [...options, '-q', 'update']);
  run('apt-get', [...options, '-q', 'download', 'libbpf-dev']);
  const deb = readdirSync(debs)
    .filter((name) => name.startsWith('libbpf-dev_'))
    .sort()
    .at(-1);
  mkdirSync(root, { recursive: true });
  run('dpkg', ['-x', join(debs, deb), root]);
}

/** `{ include, library }` of a usable libbpf; fetches it when the machine has none. */
export function findLibbpf() {
  const root = join(cacheFolder(), 'libbpf');
  const found = libbpfBelow('/') ?? libbpfBelow(root);
  if (found) return found;
  console.error('build: fetching libbpf from backports into the cache');
  unpackFromBackports(root);
  const unpacked = libbpfBelow(root);
  if (!unpacked) throw new Error(`libbpf-dev in ${root} is older than 1.${MINOR_MIN}`);
  return unpacked;
}
