/** Runs suites with Node's test runner and adds up what they report. */
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { dot, spec } from 'node:test/reporters';
import type { Suite } from './suites.ts';

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

export function emptyTally(): Tally {
  return { passed: 0, failed: 0, skipped: 0 };
}

/** Adds the suite's results to `tally`; `brief` prints a dot per test and the failures. */
export async function runSuite(suite: Suite, tally: Tally, brief: boolean): Promise<void> {
  const startMs = Date.now();
  process.stdout.write(`\n${suite.name}: ${suite.files.length} files\n`);
  if (suite.files.length === 0) return;
  const stream = run({
    files: [...suite.files],
    concurrency: suite.concurrency,
    timeout: suite.timeoutMs,
  });
  stream.on('test:summary', (summary) => {
    if (summary.file !== undefined) return; // of one file; the last one is of all
    const { counts } = summary;
    tally.passed += counts.passed;
    tally.failed += counts.tests - counts.passed - counts.skipped - counts.todo;
    tally.skipped += counts.skipped + counts.todo;
  });
  const output = brief ? stream.compose(dot) : stream.compose(new spec());
  output.pipe(process.stdout, { end: false });
  await finished(output);
  process.stdout.write(`${suite.name}: ${((Date.now() - startMs) / 1000).toFixed(1)} s\n`);
}

/** The closing line, also what CI reads. Nothing executed is a failure. */
export function closeWith(tally: Tally): number {
  process.stdout.write(
    `\n${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped\n`,
  );
  return tally.failed === 0 && tally.passed > 0 ? 0 : 1;
}
