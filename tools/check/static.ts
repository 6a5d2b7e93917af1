/** Checks that run no test: lint, format, types, generated files. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../setup/paths.ts';
import { cSources } from './c-sources.ts';
import type { Tally } from './run-tests.ts';

interface Check {
  readonly name: string;
  readonly command: readonly string[];
  readonly advice: string;
}

const binary = (name: string) => join(root, 'node_modules', '.bin', name);

function checks(): Check[] {
  return [
    {
      name: 'lint and format',
      command: [binary('biome'), 'check', '--error-on-warnings', '.'],
      advice: 'npm run format mends most of it',
    },
    { name: 'types', command: [binary('tsc'), '-p', '.'], advice: 'tsc says above what is wrong' },
    {
      name: 'format of C',
      command: ['clang-format', '--dry-run', '--Werror', ...cSources()],
      advice: 'npm run format',
    },
    {
      name: 'generated files',
      command: [process.execPath, join(root, 'tools', 'gen', 'main.ts'), '--check'],
      advice: 'npm run gen',
    },
  ];
}

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

async function outcomeOf(command: readonly string[]): Promise<Outcome> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, output: error.message }));
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** Runs all of them side by side; each counts as one test in the tally. */
export async function runStaticChecks(tally: Tally): Promise<void> {
  await Promise.all(
    checks().map(async ({ name, command, advice }) => {
      const { code, output } = await outcomeOf(command);
      if (code === 0) {
        tally.passed += 1;
        process.stdout.write(`ok      ${name}\n`);
        return;
      }
      tally.failed += 1;
      process.stdout.write(`${output}\nFAILED  ${name}: ${advice}\n`);
    }),
  );
}
