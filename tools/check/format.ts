/** `npm run format`: lays out all sources the way `npm run check` wants them. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../setup/paths.ts';
import { cSources } from './c-sources.ts';

const biome = join(root, 'node_modules', '.bin', 'biome');
const commands = [
  [biome, 'check', '--write', '.'],
  ['clang-format', '-i', ...cSources()],
];
for (const [file = '', ...args] of commands) {
  const { status } = spawnSync(file, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
