/**
 * A Go that can fetch the newer toolchain that a module asks for (1.21 or later): the machine's
 * own, else golang-1.23 of Debian's backports, unpacked into the cache.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { osRelease, ownRelease } from './apt.ts';
import { findProgram, outputOf } from './command.ts';
import { cache } from './paths.ts';
import type { Step } from './step.ts';
import { unpackedFolder, unpackStep } from './unpacked.ts';

const MINOR_MIN = 21;
const suffix = osRelease('VERSION_CODENAME') === 'bookworm' ? '/bookworm-backports' : '';

const unpackGo = unpackStep({
  name: 'golang',
  title: 'unpacking Go',
  release: ownRelease,
  packages: [`golang-1.23-go${suffix}`, `golang-1.23-src${suffix}`],
  with: 'nothing',
});

let knownOwn: string | false | undefined;

function ownGo(): string | false {
  const file = findProgram('go');
  const version = file && outputOf(file, ['env', 'GOVERSION']);
  const minor = Number(/^go1\.(\d+)/.exec(version ?? '')?.[1] ?? 0);
  return file && minor >= MINOR_MIN ? file : false;
}

/** The go command to use. */
export function goProgram(): string {
  knownOwn ??= ownGo();
  return knownOwn || join(unpackedFolder('golang'), 'usr/lib/go-1.23/bin/go');
}

/** Modules, toolchains and objects stay in our cache, not in the user's home. */
export function goEnvironment(): Record<string, string> {
  return {
    GOTOOLCHAIN: 'auto',
    GOMODCACHE: join(cache, 'go', 'modules'),
    GOCACHE: join(cache, 'go', 'objects'),
    GOFLAGS: '-modcacherw -buildvcs=false',
    CGO_ENABLED: '0',
  };
}

/** Objects are of no use once a program is built, and large. Modules stay. */
export function removeGoObjects(): void {
  rmSync(goEnvironment().GOCACHE ?? '', { recursive: true, force: true });
}

export const go: Step = {
  title: unpackGo.title,
  isDone: () => {
    knownOwn ??= ownGo();
    return knownOwn !== false || unpackGo.isDone();
  },
  run: () => unpackGo.run(),
};
