/**
 * Reads what /metrics serves with the parser of Prometheus itself (test/e2e/metrics/scrape/), for
 * the tests: built from Go modules and kept by the content of its sources, half a minute once.
 */
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCommand } from './command.ts';
import { goEnvironment, goProgram, removeGoObjects } from './go.ts';
import { cache, hashOf, root } from './paths.ts';
import type { Step } from './step.ts';

const folder = join(root, 'test', 'e2e', 'metrics', 'scrape');
const sources = () =>
  ['go.mod', 'go.sum', 'main.go'].map((name) => readFileSync(join(folder, name), 'utf8'));

/** Where the built program lies; keyed by the content of its sources, so that clones share it. */
export function scrapeReaderProgram(): string {
  return join(cache, 'scrape-reader', hashOf([process.arch, ...sources()]), 'scrape');
}

export const scrapeReader: Step = {
  title: "building a reader of /metrics from Prometheus' modules (half a minute, once)",
  isDone: () => existsSync(scrapeReaderProgram()),
  run: async () => {
    const target = scrapeReaderProgram();
    mkdirSync(dirname(target), { recursive: true });
    const flags = ['build', '-trimpath', '-ldflags=-s -w', '-o', `${target}.new`, '.'];
    await runCommand(goProgram(), flags, {
      name: 'scrape-reader',
      cwd: folder,
      env: goEnvironment(),
      advice: 'Is the Go module proxy reachable? Modules that were fetched are kept.',
    });
    renameSync(`${target}.new`, target);
    removeGoObjects();
  },
};
