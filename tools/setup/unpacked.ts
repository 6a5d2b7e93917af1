/** Steps that unpack Debian packages into the cache, and the wrappers that make them runnable. */
import { chmodSync, existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Release, unpackPackages } from './apt.ts';
import { SetupError } from './command.ts';
import { cache, cachedPrograms, hashOf, isStamped, writeStamp } from './paths.ts';
import type { Step } from './step.ts';

const triple = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';

export interface UnpackedPackages {
  /** Folder below the cache's `debian/`. */
  readonly name: string;
  readonly title: string;
  readonly release: () => Release;
  readonly packages: readonly string[];
  readonly with: 'nothing' | 'dependencies';
  /** Commands that get a wrapper in the cache's bin folder: name -> file in the packages. */
  readonly programs?: Readonly<Record<string, string>>;
}

export function unpackedFolder(name: string): string {
  return join(cache, 'debian', name);
}

/** The step that unpacks; done when the folder is stamped with this list of packages. */
export function unpackStep(what: UnpackedPackages): Step {
  const target = unpackedFolder(what.name);
  const stamp = join(target, '.stamp');
  const key = () => hashOf([...what.packages, what.with, ...what.release().suites]);
  const programs = Object.entries(what.programs ?? {});
  return {
    title: what.title,
    isDone: () =>
      isStamped(stamp, key()) && programs.every(([name]) => existsSync(join(cachedPrograms, name))),
    run: async () => {
      mkdirSync(join(cache, 'debian'), { recursive: true });
      await unpackPackages({ ...what, release: what.release(), target });
      if (what.release().isForeign) completeRoot(target);
      for (const [name, file] of programs) writeWrapper(name, join(target, file), target);
      writeStamp(stamp, key());
    },
  };
}

/** What base packages would bring for chroot(8): merged folders, and users that programs look up. */
function completeRoot(folder: string): void {
  for (const name of ['lib', 'lib64', 'sbin', 'bin']) {
    const isMerged = existsSync(join(folder, 'usr', name)) && !existsSync(join(folder, name));
    if (isMerged) symlinkSync(`usr/${name}`, join(folder, name));
  }
  mkdirSync(join(folder, 'etc'), { recursive: true });
  const users = ['root:x:0:0::/:/bin/sh', 'www-data:x:33:33::/:', 'nobody:x:65534:65534::/:'];
  writeFileSync(join(folder, 'etc', 'passwd'), `${users.join('\n')}\n`);
  writeFileSync(join(folder, 'etc', 'group'), 'root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n');
}

/** A script that finds the unpacked libraries and then is the program itself (exec). */
function writeWrapper(name: string, program: string, folder: string): void {
  if (!existsSync(program)) {
    throw new SetupError(
      `${program} is not among the unpacked files`,
      'The packages of this release differ from those the set-up knows; please report it.',
    );
  }
  const libraries = [`usr/lib/${triple}`, `lib/${triple}`].map((place) => join(folder, place));
  const script = [
    '#!/bin/sh',
    `LD_LIBRARY_PATH='${libraries.join(':')}'\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}`,
    'export LD_LIBRARY_PATH',
    `exec '${program}' "$@"`,
  ];
  mkdirSync(cachedPrograms, { recursive: true });
  const file = join(cachedPrograms, name);
  writeFileSync(`${file}.new`, `${script.join('\n')}\n`);
  chmodSync(`${file}.new`, 0o755);
  renameSync(`${file}.new`, file);
}
