/** bpf/sniff.h is compiled for the host and fed beginnings of connections: test/bpf/host/sniff.c. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

test('the kernel side tells HTTP/1 beginnings from others, in pieces of every size', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spantap-sniff-'));
  try {
    const program = join(folder, 'sniff');
    const source = join(import.meta.dirname, '../bpf/host/sniff.c');
    const warnings = ['-Wall', '-Wextra', '-Wpadded', '-Werror'];
    execFileSync('cc', ['-std=c11', ...warnings, source, '-o', program]);
    const output = execFileSync(program, { encoding: 'utf8' });
    assert.match(output, /^[1-9]\d* checks, 0 failures\n$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
