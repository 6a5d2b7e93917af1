import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Measured, median, paired, pairedDifferences, quantile } from './statistics.ts';

/** off, x, off, x, ... off; the machine drifts by `drift` per slice. */
function run(rounds: number, cost: number, drift: number): Measured[] {
  const slices: Measured[] = [];
  for (let i = 0; i <= 2 * rounds; i++) {
    const variant = i % 2 === 0 ? 'off' : 'probed';
    const level = 1000 * (1 + drift * i);
    slices.push({ variant, value: variant === 'off' ? level : level * (1 - cost) });
  }
  return slices;
}

test('a cost is found although the machine drifts during the run', () => {
  const result = paired(run(20, 0.07, 0.01), 'probed', 'off');
  assert.equal(result.n, 20);
  assert.ok(Math.abs(result.median + 7) < 0.01, `${result.median}`);
});

test('one disturbed slice does not move the median', () => {
  const slices = run(20, 0.07, 0);
  slices[11] = { variant: 'probed', value: 1 };
  assert.ok(Math.abs(paired(slices, 'probed', 'off').median + 7) < 0.01);
});

test('a slice at the edge has no pair and is left out', () => {
  const slices = [
    { variant: 'probed', value: 5 },
    { variant: 'off', value: 10 },
    { variant: 'probed', value: 9 },
    { variant: 'off', value: 10 },
    { variant: 'probed', value: 5 },
  ];
  assert.deepEqual(
    pairedDifferences(slices, 'probed', 'off').map((each) => Math.round(each)),
    [-10],
  );
});

test('other variants between a slice and its neighbours do not matter', () => {
  const slices = [
    { variant: 'off', value: 100 },
    { variant: 'filtered', value: 3 },
    { variant: 'probed', value: 80 },
    { variant: 'filtered', value: 3 },
    { variant: 'off', value: 100 },
  ];
  assert.equal(Math.round(pairedDifferences(slices, 'probed', 'off')[0] ?? 0), -20);
});

test('quantiles interpolate and the median of nothing is not a number', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(quantile([0, 10], 0.25), 2.5);
  assert.ok(Number.isNaN(median([])));
});
