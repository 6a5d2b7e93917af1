/** A process whose executable belongs to the test: it can be replaced or removed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TemporaryFolder } from './temporary.ts';

/** Sleeps for a minute at the most; ends when the test kills it. */
export async function startCopy(
  folder: TemporaryFolder,
): Promise<{ readonly path: string; readonly child: ChildProcess }> {
  const path = join(folder.path, 'server');
  copyFileSync('/bin/sleep', path);
  chmodSync(path, 0o755);
  const child = spawn(path, ['60']);
  await once(child, 'spawn');
  return { path, child };
}
