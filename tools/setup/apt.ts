/**
 * Debian packages, without touching the machine's apt files: source lists of our own over the
 * mirror that the machine already uses, with their index files in our cache.
 *
 * Services (nginx, haproxy, caddy) and versions that differ from the machine's (libbpf, Go) are
 * unpacked into the cache, never installed: nothing starts, nothing listens, deleting the cache
 * removes them. Only compilers and headers are installed, see build-tools.ts.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { outputOf, runCommand, SetupError } from './command.ts';
import { cache } from './paths.ts';

const ADVICE =
  'Is the Debian mirror of this machine reachable (apt-get update)? Then start again: what was done stays done.';

interface Mirror {
  readonly codename: string;
  readonly mainUri: string;
  readonly securityUri: string;
}

/** Packages of the machine's own release, or of another one for tests with other versions. */
export interface Release {
  readonly suites: readonly string[];
  /** Other releases have nothing installed: their packages come with all they depend on. */
  readonly isForeign: boolean;
}

let knownMirror: Mirror | undefined;

/** What the machine's apt configuration says; works before the first `apt-get update`. */
function mirror(): Mirror {
  knownMirror ??= readMirror();
  return knownMirror;
}

function readMirror(): Mirror {
  const codename = osRelease('VERSION_CODENAME');
  const uris = archiveUris();
  const mainUri = uris.get(codename);
  if (osRelease('ID') !== 'debian' || mainUri === undefined) {
    throw new SetupError(
      `no Debian package source for "${codename}" in this machine's apt configuration`,
      'The set-up knows Debian 12 and later; elsewhere install what docs/setup.md lists by hand.',
    );
  }
  const guess = mainUri.replace(/debian\/?$/, 'debian-security/');
  return { codename, mainUri, securityUri: uris.get(`${codename}-security`) ?? guess };
}

/** Suite -> archive, from what `apt-get update` would fetch; nothing is fetched. */
function archiveUris(): Map<string, string> {
  const args = ['update', '--print-uris', '-o', 'Debug::NoLocking=true'];
  const found = (outputOf('apt-get', args) ?? '').matchAll(/^'(\S+?)dists\/(\S+?)\/InRelease'/gm);
  return new Map([...found].map(([, uri = '', suite = '']) => [suite, uri]));
}

/** The keys that Debian's own packages trust for every source, unless the machine has none such. */
function keyOption(): string {
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  const folder = '/etc/apt/trusted.gpg.d';
  const isTrusted = existsSync(folder) && readdirSync(folder).some((f) => f.startsWith('debian-'));
  return isTrusted || !existsSync(keyring) ? '' : `[signed-by=${keyring}] `;
}

export function osRelease(field: string): string {
  const file = '/etc/os-release';
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return new RegExp(`^${field}="?([^"\n]*)`, 'm').exec(text)?.[1] ?? '';
}

export function ownRelease(): Release {
  const name = osRelease('VERSION_CODENAME');
  return {
    suites: [name, `${name}-updates`, `${name}-security`, `${name}-backports`],
    isForeign: false,
  };
}

export function foreignRelease(...suites: string[]): Release {
  return { suites, isForeign: true };
}

interface AptFolder {
  readonly path: string;
  readonly config: string;
}

/** Writes sources.list and apt.conf of a release into the cache. */
function prepareFolder(release: Release): AptFolder {
  // The machine's own release, seen as foreign, has other suites and another status.
  const name = release.suites[0] ?? 'none';
  const path = join(cache, 'apt', release.isForeign ? `${name}-other` : name);
  for (const name of ['lists/partial', 'archives/partial']) {
    mkdirSync(join(path, name), { recursive: true });
  }
  const { mainUri, securityUri } = mirror();
  const lines = release.suites.map((suite) => {
    const uri = suite.endsWith('-security') ? securityUri : mainUri;
    return `deb ${keyOption()}${uri} ${suite} main\n`;
  });
  writeFileSync(join(path, 'sources.list'), lines.join(''));
  writeFileSync(join(path, 'status'), '');
  const config = join(path, 'apt.conf');
  writeFileSync(config, aptConfig(path, release));
  return { path, config };
}

function aptConfig(path: string, release: Release): string {
  const lines = [
    `Dir::Etc::sourcelist "${path}/sources.list";`,
    'Dir::Etc::sourceparts "-";',
    `Dir::State::lists "${path}/lists";`,
    `Dir::Cache::archives "${path}/archives";`,
    'Dir::Cache::pkgcache "";',
    'Dir::Cache::srcpkgcache "";',
    // The user _apt cannot read a home folder.
    'APT::Sandbox::User "root";',
    'APT::Install-Recommends "false";',
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    'DPkg::Lock::Timeout "300";',
    // Hooks of the machine that belong to its own index files.
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear Acquire::IndexTargets::deb::DEP-11;',
  ];
  if (release.isForeign) {
    lines.push(`Dir::State::status "${path}/status";`, 'Acquire::Check-Valid-Until "false";');
  }
  return `${lines.join('\n')}\n`;
}

async function updateLists(folder: AptFolder, name: string): Promise<void> {
  await runCommand('apt-get', ['-c', folder.config, 'update', '--error-on=any'], {
    name: `apt-update-${name}`,
    advice: ADVICE,
  });
}

/** Fetches index files when there are none; true when it did. */
async function fetchLists(folder: AptFolder, name: string): Promise<boolean> {
  const files = readdirSync(join(folder.path, 'lists'));
  if (files.some((file) => file.includes('Packages'))) return false;
  await updateLists(folder, name);
  return true;
}

/** Runs apt-get; index files that are missing or too old are fetched first. */
async function aptGet(
  release: Release,
  name: string,
  args: readonly string[],
  cwd?: string,
): Promise<void> {
  const folder = prepareFolder(release);
  const options = {
    name: `apt-${name}`,
    advice: ADVICE,
    env: { DEBIAN_FRONTEND: 'noninteractive' },
    ...(cwd === undefined ? {} : { cwd }),
  };
  const run = () => runCommand('apt-get', ['-c', folder.config, '-y', ...args], options);
  const hasLists = readdirSync(join(folder.path, 'lists')).some((file) =>
    file.includes('Packages'),
  );
  if (!hasLists) await updateLists(folder, name);
  try {
    await run();
  } catch (error) {
    if (!hasLists) throw error;
    // A package that was superseded since the index was fetched is gone from the mirror.
    await updateLists(folder, name);
    await run();
  }
}

/** Installs on this machine; root only. */
export async function installPackages(packages: readonly string[]): Promise<void> {
  await aptGet(ownRelease(), 'install', ['install', '--no-remove', ...packages]);
}

/** The package that a meta package stands for: its first dependency that matches. */
async function dependencyOf(release: Release, name: string, pattern: RegExp): Promise<string> {
  const folder = prepareFolder(release);
  await fetchLists(folder, name);
  const text = outputOf('apt-cache', ['-c', folder.config, 'depends', name]) ?? '';
  const found = [...text.matchAll(/Depends: (\S+)/g)].find(([, each = '']) => pattern.test(each));
  if (found?.[1]) return found[1];
  throw new SetupError(
    `${name} of ${release.suites[0]} depends on nothing like ${pattern}`,
    ADVICE,
  );
}

/** Unpacks the kernel of a release (`flavour`: cloud-amd64), without what installs it. */
export async function unpackKernel(
  release: Release,
  flavour: string,
  target: string,
): Promise<void> {
  const meta = `linux-image-${flavour}`;
  const name = await dependencyOf(release, meta, new RegExp(`^linux-image-[0-9].*${flavour}`));
  await unpackPackages({ release, packages: [name], target, with: 'nothing' });
}

export interface Unpacking {
  readonly release: Release;
  readonly packages: readonly string[];
  readonly target: string;
  /** What else to unpack: nothing, or the dependencies that this machine (this release) lacks. */
  readonly with: 'nothing' | 'dependencies';
}

/** Downloads packages and unpacks them below `target`, which appears whole or not at all. */
export async function unpackPackages(what: Unpacking): Promise<void> {
  const work = `${what.target}.new`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, '.debs', 'partial'), { recursive: true });
  const name = what.packages[0]?.replace(/\/.*/, '') ?? 'none';
  await downloadPackages(what, name, join(work, '.debs'));
  for (const file of readdirSync(join(work, '.debs')).filter((deb) => deb.endsWith('.deb'))) {
    await runCommand('dpkg-deb', ['--extract', join(work, '.debs', file), work], {
      name: `unpack-${name}`,
      advice: `The downloaded package ${file} could not be unpacked; is the disk full?`,
    });
  }
  rmSync(join(work, '.debs'), { recursive: true });
  rmSync(what.target, { recursive: true, force: true });
  renameSync(work, what.target);
}

async function downloadPackages(what: Unpacking, name: string, folder: string): Promise<void> {
  if (what.with === 'nothing') {
    await aptGet(what.release, name, ['download', ...what.packages], folder);
    return;
  }
  // --reinstall: a package that the machine has is unpacked as well; its dependencies are there.
  const flags = ['--download-only', '--reinstall', '-o', 'Debug::NoLocking=true'];
  const archives = ['-o', `Dir::Cache::archives=${folder}`];
  await aptGet(what.release, name, ['install', ...flags, ...archives, ...what.packages]);
}
