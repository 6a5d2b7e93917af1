import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BodyPool } from '../../src/export/otlp/body-pool.ts';

test('a body that came back is the next one, if it is large enough', () => {
  const pool = new BodyPool();
  const first = pool.take(100_000);
  pool.give(first);
  const second = pool.take(101_000);
  assert.equal(second.length, 101_000);
  assert.equal(second.buffer, first.buffer);
  pool.give(second);
  assert.notEqual(pool.take(200_000).buffer, first.buffer);
});

test('bodies that are out are never given twice', () => {
  const pool = new BodyPool();
  const bodies = Array.from({ length: 20 }, () => pool.take(1_000));
  assert.equal(new Set(bodies.map((body) => body.buffer)).size, 20);
});

test('few are kept, the larger ones', () => {
  const pool = new BodyPool();
  const sizes = [50_000, 10_000, 40_000, 30_000, 12_000, 60_000];
  const bodies = sizes.map((bytes) => pool.take(bytes));
  for (const body of bodies) pool.give(body);
  const again = sizes.map(() => pool.take(1).buffer);
  const kept = bodies.filter((body) => again.includes(body.buffer)).map((body) => body.length);
  assert.deepEqual(kept, [50_000, 40_000, 30_000, 60_000]);
});
