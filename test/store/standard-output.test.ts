/** Standard output with several parts that print to it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { StandardOutput } from '../../src/store/standard-output.ts';
import { Lines } from './options.ts';
import { temporaryFolder } from './temporary.ts';

const DEADLINE_MS = 10_000;

function scene(t: TestContext, bytesMax = 1_000_000) {
  const path = join(temporaryFolder(t), 'out');
  const fd = openSync(path, 'w');
  const log = new Lines();
  const output = new StandardOutput({ bytesMax, log, fd });
  const ended: string[] = [];
  const add = (name: string, text: () => string | Promise<string>, sizeBytes = 10) =>
    output.add({
      sizeBytes,
      text,
      printed: () => ended.push(`${name} printed`),
      dropped: () => ended.push(`${name} dropped`),
    });
  t.after(() => closeSync(fd));
  return { output, log, ended, add, printed: () => readFileSync(path, 'utf8') };
}

test('texts come out in the order in which they were added, also when one takes its time', async (t) => {
  const { output, add, printed } = scene(t);
  const slow = Promise.withResolvers<string>();
  add('a', () => slow.promise);
  add('b', () => 'b\n');
  setImmediate(() => slow.resolve('a\n'));
  add('c', () => 'c\n');
  await output.flush(DEADLINE_MS);
  assert.equal(printed(), 'a\nb\nc\n');
});

test('one that cannot be made is dropped, and those behind it are printed', async (t) => {
  const { output, add, printed, ended, log } = scene(t);
  add('a', () => Promise.reject(new Error('no')));
  add('b', () => 'b\n');
  await output.flush(DEADLINE_MS);
  assert.equal(printed(), 'b\n');
  assert.deepEqual(ended, ['a dropped', 'b printed']);
  assert.match(log.lines.join(), /standard output: no/);
});

test('what does not fit is dropped at once; one alone always fits', async (t) => {
  const { output, add, ended, printed } = scene(t, 25);
  add('a', () => 'a\n', 1_000);
  add('b', () => 'b\n');
  assert.deepEqual(ended, ['b dropped']);
  await output.flush(DEADLINE_MS);
  add('c', () => 'c\n');
  await output.flush(DEADLINE_MS);
  assert.equal(printed(), 'a\nc\n');
});

test('a flush ends at its deadline', async (t) => {
  const { output, add, ended } = scene(t);
  const never = Promise.withResolvers<string>();
  add('a', () => never.promise);
  await output.flush(10);
  assert.deepEqual(ended, []);
  never.resolve('');
  await output.flush(DEADLINE_MS);
});

test('at the end, what a reader does not take is dropped, and holds nobody up', async (t) => {
  const path = join(temporaryFolder(t), 'pipe');
  execFileSync('mkfifo', [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(fd));
  const log = new Lines();
  const output = new StandardOutput({ bytesMax: 10_000_000, log, fd });
  const ended: string[] = [];
  const add = (name: string) =>
    output.add({
      sizeBytes: 10,
      text: () => `${name.repeat(100_000)}\n`,
      printed: () => ended.push(`${name} printed`),
      dropped: () => ended.push(`${name} dropped`),
    });
  for (const name of ['a', 'b', 'c']) add(name);
  await output.close(100);
  assert.deepEqual(ended, ['a dropped', 'b dropped', 'c dropped']);
  assert.match(log.lines.join(), /reader is too slow/);
  add('d');
  assert.equal(ended.at(-1), 'd dropped');
});

test('an end in time drops nothing', async (t) => {
  const { output, add, printed, ended, log } = scene(t);
  add('a', () => 'a\n');
  await output.close(DEADLINE_MS);
  assert.equal(printed(), 'a\n');
  assert.deepEqual(ended, ['a printed']);
  assert.deepEqual(log.lines, []);
});
