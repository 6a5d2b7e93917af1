/**
 * versitygw, an S3 server that verifies signatures, for the tests of the s3 store: built from Go
 * modules (test/e2e/store/versitygw/) and kept by the content of its go.mod: one to two minutes once.
 */
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCommand } from './command.ts';
import { goEnvironment, goProgram, removeGoObjects } from './go.ts';
import { cache, hashOf, root } from './paths.ts';
import type { Step } from './step.ts';

const folder = join(root, 'test', 'e2e', 'store', 'versitygw');
const sources = () => ['go.mod', 'go.sum'].map((name) => readFileSync(join(folder, name), 'utf8'));
const SOURCE = 'github.com/versity/versitygw/cmd/versitygw';

/** Where the built server lies; keyed by the content of its modules, so that clones share it. */
export function s3ServerProgram(): string {
  return join(cache, 's3-server', hashOf([process.arch, ...sources()]), 'versitygw');
}

export const s3Server: Step = {
  title: 'building the S3 server versitygw from Go modules (one to two minutes, once)',
  isDone: () => existsSync(s3ServerProgram()),
  run: async () => {
    const target = s3ServerProgram();
    mkdirSync(dirname(target), { recursive: true });
    const flags = ['build', '-trimpath', '-ldflags=-s -w', '-o', `${target}.new`, SOURCE];
    await runCommand(goProgram(), flags, {
      name: 's3-server',
      cwd: folder,
      env: goEnvironment(),
      advice: 'Is the Go module proxy reachable? Modules that were fetched are kept.',
    });
    renameSync(`${target}.new`, target);
    removeGoObjects();
  },
};
