/**
 * Real programs of Debian releases other than this machine's: packages with all they depend on,
 * unpacked into a folder each that serves as a root for chroot(8). The machine's apt files are
 * only read; downloads stay in `${SPANTAP_CACHE:-${XDG_CACHE_HOME:-~/.cache}/spantap}/packages`.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export type Suite = 'bullseye' | 'bookworm' | 'trixie';

const CACHE =
  process.env.SPANTAP_CACHE ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'spantap');

/** Folder with `name` of `suite` and its dependencies; downloads it once. */
export function unpackPackage(suite: Suite, name: string): string {
  const target = join(CACHE, 'packages', suite, name);
  if (existsSync(target)) return target;
  const work = `${target}.new`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const archives = download(suite, name);
  mergeUsr(work);
  for (const file of readdirSync(archives).filter((each) => each.endsWith('.deb'))) {
    // tar follows the links /lib -> usr/lib that dpkg-deb --extract would replace by folders.
    const data = execFileSync('dpkg-deb', ['--fsys-tarfile', join(archives, file)], {
      maxBuffer: 1 << 30,
    });
    execFileSync('tar', ['-x', '--keep-directory-symlink', '-C', work], { input: data });
  }
  addSystemFiles(work);
  rmSync(archives, { recursive: true });
  renameSync(work, target);
  return target;
}

/** Starts a program inside an unpacked folder; its pid is the child's. */
export function spawnIn(root: string, program: string, args: readonly string[]): ChildProcess {
  return spawn('chroot', [root, program, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
}

function download(suite: Suite, name: string): string {
  const folder = join(CACHE, 'packages', suite);
  const archives = join(folder, `${name}.debs`);
  mkdirSync(join(folder, 'lists', 'partial'), { recursive: true });
  mkdirSync(join(archives, 'partial'), { recursive: true });
  writeFileSync(join(folder, 'sources.list'), sourcesList(suite));
  // Nothing counts as installed: every dependency is fetched.
  writeFileSync(join(folder, 'status'), '');
  const options = [
    `Dir::Etc::sourcelist=${folder}/sources.list`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${folder}/lists`,
    `Dir::State::status=${folder}/status`,
    `Dir::Cache::archives=${archives}`,
    'Dir::Cache::pkgcache=',
    'Dir::Cache::srcpkgcache=',
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    'Acquire::Check-Valid-Until=false',
  ].flatMap((option) => ['-o', option]);
  const run = (...args: string[]) =>
    execFileSync('apt-get', [...options, '-q', '-y', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  run('update');
  run('install', '--no-install-recommends', '--download-only', '-o', 'Debug::NoLocking=true', name);
  return archives;
}

/** The mirror that this machine uses, for another suite. */
function sourcesList(suite: Suite): string {
  const format = '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)';
  const rows = execFileSync('apt-get', ['indextargets', '--format', format], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.split('|'))
    .filter(([, , component]) => component === 'main');
  const own = /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const line = (release: string, wanted: string) => {
    const [uri, , , key] = rows.find((row) => row[1] === release) ?? [];
    if (uri === undefined) throw new Error(`apt has no source for ${release}`);
    const options = key?.startsWith('/') ? `[signed-by=${key}] ` : '';
    return `deb ${options}${uri} ${wanted} main\n`;
  };
  return line(`${own}`, suite) + line(`${own}-security`, `${suite}-security`);
}

function mergeUsr(root: string): void {
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(root, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(root, name));
  }
}

/** What the programs expect of a system and no package of the closure brings. */
function addSystemFiles(root: string): void {
  for (const folder of ['dev', 'etc', 'run', 'tmp', 'proc', 'var/log/nginx', 'var/lib/nginx']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  const users = ['root:x:0:0::/:/bin/sh', 'nobody:x:65534:65534::/:/bin/sh'];
  const groups = ['root:x:0:', 'nogroup:x:65534:'];
  writeFileSync(join(root, 'etc/passwd'), `${users.join('\n')}\n`);
  writeFileSync(join(root, 'etc/group'), `${groups.join('\n')}\n`);
  execFileSync('mknod', ['-m', '666', join(root, 'dev/null'), 'c', '1', '3']);
}
