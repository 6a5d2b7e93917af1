/** native/rings.c is compiled for the host and fed rings: test/bpf/host/rings.c. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

test('rings are read whole, merged by time, and not believed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spantap-rings-'));
  try {
    const program = join(folder, 'rings');
    const sources = ['../bpf/host/rings.c', '../../native/rings.c'];
    const paths = sources.map((source) => join(import.meta.dirname, source));
    const warnings = ['-Wall', '-Wextra', '-Werror'];
    execFileSync('cc', ['-std=c11', '-O1', ...warnings, ...paths, '-o', program]);
    const output = execFileSync(program, { encoding: 'utf8' });
    assert.match(output, /^[1-9]\d* checks, 0 failures\n$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
