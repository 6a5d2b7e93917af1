import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

const SIGNALS = join(import.meta.dirname, '..', '..', 'src', 'commands', 'signals.ts');
/** Ends cleanly when it is let: at the end of its standard input. */
const PROGRAM = `
import { untilSignal } from ${JSON.stringify(SIGNALS)};
const input = process.stdin.resume();
const asked = untilSignal();
console.log('ready');
await asked;
console.log('stopping');
input.on('end', () => process.exit(0));
`;

async function start() {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM]);
  child.stdout.setEncoding('utf8');
  await once(child.stdout, 'data');
  return child;
}

test('the same signal twice at once, as npm and timeout send it, asks once', async () => {
  const child = await start();
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  child.kill('SIGINT');
  assert.equal((await once(child.stdout, 'data'))[0], 'stopping\n');
  child.kill('SIGINT');
  child.stdin.end();
  assert.deepEqual(await ended, [0, null]);
});

test('a second one later ends at once', async () => {
  const child = await start();
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await once(child.stdout, 'data');
  // Longer than two that belong together are apart.
  await delay(600);
  child.kill('SIGINT');
  assert.deepEqual(await ended, [130, null]);
});
