import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const LEAN = join(import.meta.dirname, '..', 'src', 'lean-http.ts');

/** What a process says that imports node:http after `first`. */
function importing(first: string): { hasUndici: boolean; status: string } {
  const script = `${first};
    const { STATUS_CODES } = await import('node:http');
    const hasUndici = process.moduleLoadList.some((name) => name.includes('undici'));
    process.stdout.write(JSON.stringify({ hasUndici, status: STATUS_CODES[200] }));`;
  const args = ['--input-type=module', '--eval', script];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

test('an import of node:http loads no WebSocket client, and is what it was otherwise', () => {
  const lean = importing(`await import(${JSON.stringify(LEAN)})`);
  assert.deepEqual(lean, { hasUndici: false, status: 'OK' });
});

test('without it one is loaded: when that ends, lean-http.ts can go', () => {
  assert.equal(importing('').hasUndici, true);
});
