/** `npm run help`: every script of package.json with one line. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../setup/paths.ts';

/** test/tree.test.ts sees to it that no script is missing here and none is left over. */
export const SCRIPT_HELP: Readonly<Record<string, string>> = {
  start: 'watch this host and export spans (npm start -- FLAGS is ./spantap run FLAGS)',
  demo: 'a real nginx and a real HAProxy, a handful of requests, their traces as trees',
  test: 'everything: check, then what needs root, BPF and real proxies (all set-up included)',
  check: 'the quick part: types, lint, format, generated files, unit and replay tests; no root',
  format: 'lay out TypeScript and C as check wants it',
  gen: 'write the generated files again',
  bench: 'measure: npm run bench -- NAME [options]; names are listed without NAME',
  setup: 'only the set-up that npm test does',
  'test:kernels': 'load, attach, capture and link on other kernels in qemu',
  help: 'this list',
};

export function scriptNames(): string[] {
  const text = readFileSync(join(root, 'package.json'), 'utf8');
  const manifest: { scripts?: Record<string, string> } = JSON.parse(text);
  return Object.keys(manifest.scripts ?? {});
}

if (import.meta.main) {
  const short = new Set(['start', 'test']);
  for (const name of scriptNames()) {
    const command = short.has(name) ? `npm ${name}` : `npm run ${name}`;
    process.stdout.write(`${command.padEnd(24)}${SCRIPT_HELP[name] ?? ''}\n`);
  }
  process.stdout.write('./spantap --help lists the commands and flags of the agent itself\n');
}
