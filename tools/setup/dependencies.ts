/** `npm ci`, when node_modules differs from package-lock.json. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, runCommand, SetupError } from './command.ts';
import { root } from './paths.ts';
import type { Step } from './step.ts';

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
}

function packagesOf(file: string): Readonly<Record<string, LockedPackage>> | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const lock: { packages?: Record<string, LockedPackage> } = JSON.parse(
      readFileSync(file, 'utf8'),
    );
    return lock.packages;
  } catch {
    return undefined; // written half: not installed
  }
}

/** npm notes what it installed in a lock file of its own; optional ones fit some machines only. */
function isInstalled(): boolean {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  // Installed as somebody's dependency: npm has done this already, without a lock file of ours.
  if (wanted === undefined) return true;
  const present = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (present === undefined) return false;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === '') return true;
    const found = present[path];
    if (found === undefined) return optional === true;
    return found.version === version && found.integrity === integrity;
  });
}

export const dependencies: Step = {
  title: 'installing npm packages',
  isDone: isInstalled,
  run: async () => {
    if (!findProgram('npm')) {
      throw new SetupError('npm was not found', 'Debian: apt-get install npm; then start again.');
    }
    await runCommand('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      name: 'npm-ci',
      cwd: root,
      advice: 'Is the npm registry reachable, and may this user write to the folder?',
    });
  },
};
