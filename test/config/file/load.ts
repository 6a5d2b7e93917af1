/** Loads a text as `qtap.yaml`, with an environment of its own. */
import assert from 'node:assert/strict';
import { loadGrammars } from '../../../src/commands/grammars.ts';
import { type Loaded, type LoadInput, loadConfig } from '../../../src/config/file/load.ts';
import { formatProblem } from '../../../src/config/file/problem.ts';
import type { Config } from '../../../src/config/file/types.ts';

/** Those that the commands use. */
export const GRAMMARS = await loadGrammars('');

export const FILE = 'qtap.yaml';

export function load(text: string | undefined, rest: Partial<LoadInput> = {}): Loaded {
  const fixed = { text, file: FILE, environment: {}, flags: {}, purpose: 'look' } as const;
  return loadConfig({ ...fixed, ...rest });
}

/** The configuration of a text that must be right. */
export function loadRight(text: string | undefined, rest: Partial<LoadInput> = {}): Config {
  const { config, problems } = load(text, rest);
  const errors = problems.filter(({ severity }) => severity === 'error');
  assert.deepEqual(errors.map(formatProblem), []);
  assert.ok(config);
  return config;
}
