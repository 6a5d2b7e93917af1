import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { withThreshold } from '../../src/export/threshold.ts';

describe('a threshold in tracestate', () => {
  for (const [threshold, state, expected] of [
    ['c', '', 'ot=th:c'],
    ['8', 'v=1', 'ot=th:8,v=1'],
    ['8', 'v=1,ot=rv:0123456789abcd;th:4', 'ot=th:8;rv:0123456789abcd,v=1'],
    ['8', 'ot=th:c', 'ot=th:8'],
  ] as const) {
    test(`${threshold} makes ${JSON.stringify(state)} into ${expected}`, () => {
      assert.equal(withThreshold(state, threshold), expected);
    });
  }

  test('pushes the oldest member out of a full list', () => {
    const full = Array.from({ length: 32 }, (_, i) => `k${i}=v`).join(',');
    assert.equal(withThreshold(full, '8').split(',').length, 32);
  });
});
