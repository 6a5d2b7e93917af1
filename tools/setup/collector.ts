/**
 * A real OpenTelemetry Collector for the tests, built from Go modules (test/e2e/collector/) and
 * kept by the content of its sources: two to four minutes once.
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { outputOf, runCommand } from './command.ts';
import { goEnvironment, goProgram, removeGoObjects } from './go.ts';
import { cache, hashOf, root } from './paths.ts';
import type { Step } from './step.ts';

const folder = join(root, 'test', 'e2e', 'collector');
const sources = ['go.mod', 'go.sum', 'main.go'].map((name) => join(folder, name));

function goVersion(): string {
  return outputOf(goProgram(), ['env', 'GOVERSION'])?.trim() ?? 'none';
}

/** Where the built collector lies; keyed by its sources, so that clones share it. */
export function collectorProgram(): string {
  return join(cache, 'collector', hashOf([process.arch], sources), 'otelcol');
}

export const collector: Step = {
  title: 'building the OpenTelemetry Collector from Go modules (two to four minutes, once)',
  isDone: () => existsSync(collectorProgram()),
  run: async () => {
    const target = collectorProgram();
    mkdirSync(dirname(target), { recursive: true });
    const flags = ['build', '-trimpath', '-ldflags=-s -w', '-o', `${target}.new`, '.'];
    await runCommand(goProgram(), flags, {
      name: 'collector',
      cwd: folder,
      env: goEnvironment(),
      advice: `Is the Go module proxy reachable (${goVersion()})? Modules that were fetched are kept.`,
    });
    renameSync(`${target}.new`, target);
    removeGoObjects();
  },
};
