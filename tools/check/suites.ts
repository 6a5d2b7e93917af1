/** Which tests need what. A test file belongs to the first suite that claims its folder. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../setup/paths.ts';

export interface Suite {
  readonly name: string;
  readonly files: readonly string[];
  /** Files run at the same time. Traffic that two suites of the host saw would mix: 1. */
  readonly concurrency: number;
  readonly timeoutMs: number;
}

const NEEDS_BPF = ['bpf', 'native'];
const NEEDS_PROXIES = ['e2e'];
/** Run by a command of its own: npm run test:kernels. */
const APART = ['kernels'];

function testFiles(...folders: readonly string[]): string[] {
  const found = folders.flatMap((folder) =>
    globSync(`${folder}/**/*.test.ts`, { cwd: join(root, 'test') }),
  );
  return found.sort().map((file) => join(root, 'test', file));
}

/** Needs no root, no network, no kernel support; seconds. */
export function quickSuite(): Suite {
  const apart = testFiles(...NEEDS_BPF, ...NEEDS_PROXIES, ...APART);
  const files = testFiles('.').filter((file) => !apart.includes(file));
  return { name: 'unit and replay tests', files, concurrency: 2, timeoutMs: 120_000 };
}

/** Need root, BPF and what the set-up of `npm test` provides. */
export function rootSuites(): Suite[] {
  return [
    { name: 'kernel side', files: testFiles(...NEEDS_BPF), concurrency: 1, timeoutMs: 240_000 },
    { name: 'end to end', files: testFiles(...NEEDS_PROXIES), concurrency: 1, timeoutMs: 300_000 },
  ];
}
