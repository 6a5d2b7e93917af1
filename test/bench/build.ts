/** Compiles the load tools into build/bench when their sources are newer. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');
const SOURCES = join(import.meta.dirname, 'load');
const OUTPUT = join(ROOT, 'build', 'bench');
const FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror'];

export interface LoadTools {
  readonly loadgen: string;
  readonly backend: string;
}

export function buildLoadTools(): LoadTools {
  mkdirSync(OUTPUT, { recursive: true });
  return { loadgen: compile('loadgen'), backend: compile('backend') };
}

function compile(name: string): string {
  const binary = join(OUTPUT, name);
  const newestMs = Math.max(
    ...readdirSync(SOURCES).map((file) => statSync(join(SOURCES, file)).mtimeMs),
  );
  const builtMs = statSync(binary, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (builtMs < newestMs) {
    execFileSync('gcc', [...FLAGS, '-o', binary, join(SOURCES, `${name}.c`), '-lm'], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  }
  return binary;
}
