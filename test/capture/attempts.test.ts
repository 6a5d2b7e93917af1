import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Attempts } from '../../src/capture/attempts.ts';

test('what fails is told once and not tried again, whatever it was', () => {
  const told: string[] = [];
  const attempts = new Attempts((why) => told.push(why));
  assert.equal(
    attempts.try(() => 1),
    1,
  );
  const fail = () => {
    throw new Error('no iterators');
  };
  assert.equal(attempts.try(fail), undefined);
  assert.equal(attempts.try(fail), undefined);
  assert.equal(
    attempts.try(() => 2),
    undefined,
  );
  assert.deepEqual(told, ['no iterators']);
});
