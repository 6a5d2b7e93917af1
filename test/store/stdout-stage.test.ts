import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';

const WRITER = join(import.meta.dirname, 'stdout-writer.ts');

function start(t: TestContext, ...args: string[]) {
  const child = spawn(process.execPath, [WRITER, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

interface Outcome {
  readonly printed: number;
  readonly dropped: number;
}

const outcomeOf = (lines: readonly string[]): Outcome =>
  JSON.parse(lines.find((line) => line.startsWith('{')) ?? '{}');

test('records go to standard output as lines of JSON, their bodies in them', async (t) => {
  const child = start(t, 'json', '3');
  const lines = (await text(child.stdout)).trim().split('\n');
  const urls = lines.map((line) => JSON.parse(line).request.url);
  assert.deepEqual(urls, ['http://x.test/0', 'http://x.test/1', 'http://x.test/2']);
  assert.equal(Buffer.from(JSON.parse(lines[0] ?? '').response.body, 'base64').length, 100_000);
});

test('or as text, whole and in order', async (t) => {
  const child = start(t, 'text', '20');
  const output = await text(child.stdout);
  assert.equal(output.match(/^=== HTTP Transaction ===$/gm)?.length, 20);
  assert.deepEqual(
    [...output.matchAll(/x\.test\/(\d+)$/gm)].map(([, number]) => Number(number)),
    Array.from({ length: 20 }, (_, index) => index),
  );
});

test('a pipe that nobody reads holds nobody up; what does not fit is counted', async (t) => {
  const child = start(t, 'json', '400'); // 40 MB
  const lines: string[] = [];
  const ended = once(child, 'close');
  for await (const line of createInterface({ input: child.stderr })) {
    lines.push(line);
    // It lives although its first record is stuck; now it is read.
    if (lines.length === 3) child.stdout.resume();
  }
  await ended;
  const { printed, dropped } = outcomeOf(lines);
  assert.deepEqual(lines.slice(0, 3), ['alive', 'alive', 'alive']);
  assert.ok(printed > 100 && dropped > 100, `${printed} printed, ${dropped} dropped`);
  assert.equal(printed + dropped, 400);
});

test('a reader that goes away is no reason to die', async (t) => {
  const child = start(t, 'json', '20');
  child.stdout.destroy();
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) lines.push(line);
  assert.equal(child.exitCode ?? (await once(child, 'exit'))[0], 0);
  const { printed, dropped } = outcomeOf(lines);
  assert.equal(printed + dropped, 20);
  assert.ok(dropped > 0);
});
