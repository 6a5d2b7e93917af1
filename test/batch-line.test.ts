import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchLine } from '../src/batch-line.ts';
import { BatchWriter } from '../src/handoff/batch-writer.ts';
import type { ExchangeBatch } from '../src/handoff/layout.ts';
import { spanRow } from './handoff/rows.ts';
import { connection, exchange, process } from './link/builders.ts';

function batch(): ExchangeBatch {
  const writer = new BatchWriter();
  const made = exchange({ connection: connection({ process: process(9) }), role: 'server' });
  writer.add(made, spanRow({}));
  return writer.take() ?? assert.fail();
}

/** `slow`: batches that are read when their turn of `release` comes. */
function setUp(slow: readonly ExchangeBatch[]) {
  const said: string[] = [];
  const names = new Map<ExchangeBatch, string>();
  const releases: (() => void)[] = [];
  const line = new BatchLine({
    read: (each) => {
      said.push(`read ${names.get(each)}`);
      return slow.includes(each) ? new Promise((resolve) => releases.push(resolve)) : undefined;
    },
    done: (each) => said.push(`done ${names.get(each)}`),
  });
  const add = (name: string, each: ExchangeBatch) => {
    names.set(each, name);
    line.add(each);
  };
  return { line, said, add, release: () => releases.shift()?.() };
}

test('batches that need not wait are read at once', () => {
  const { said, add } = setUp([]);
  add('a', batch());
  add('b', batch());
  assert.deepEqual(said, ['read a', 'done a', 'read b', 'done b']);
});

test('one that waits for its bodies holds those behind it, in their order', async () => {
  const slow = [batch(), batch()];
  const { line, said, add, release } = setUp(slow);
  add('a', slow[0]);
  add('b', batch());
  add('c', slow[1]);
  add('d', batch());
  assert.deepEqual(said, ['read a']);
  release();
  await line.pause();
  while (said.length < 5) await Promise.resolve();
  assert.deepEqual(said.slice(1), ['done a', 'read b', 'done b', 'read c']);
  release();
  await line.settled();
  assert.deepEqual(said.slice(5), ['done c', 'read d', 'done d']);
  add('e', batch());
  assert.deepEqual(said.slice(8), ['read e', 'done e']);
});
