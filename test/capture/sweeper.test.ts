import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sweeper } from '../../src/capture/sweeper.ts';
import { limits } from '../../src/config/limits.ts';
import { Counters } from '../../src/telemetry/counters.ts';

const START_NS = 5e9;
const INTERVAL_NS = limits.sweepIntervalMs * 1e6;

/** A sweeper on a kernel side that answers with `sweep`. */
function sweeper(sweep: () => number) {
  const counters = new Counters();
  const reports: string[] = [];
  const made = { calls: 0 };
  const kernel = {
    sweep: () => {
      made.calls += 1;
      return sweep();
    },
  };
  const unavailable = (why: string) => reports.push(why);
  return {
    sweeper: new Sweeper({ kernel, counters, unavailable }, START_NS),
    counters,
    reports,
    made,
  };
}

test('the first sweep comes an interval after the start, then one per interval', () => {
  const { sweeper: each, made, counters } = sweeper(() => 3);
  for (const [afterStart, calls] of [
    [0, 0],
    [INTERVAL_NS - 1, 0],
    [INTERVAL_NS, 1],
    [INTERVAL_NS + 50e6, 1],
    [2 * INTERVAL_NS, 2],
  ] as const) {
    each.tick(START_NS + afterStart);
    assert.equal(made.calls, calls);
  }
  assert.equal(counters.get('capture.swept_connections'), 6);
});

test('a kernel that cannot sweep is told once and not tried again', () => {
  const {
    sweeper: each,
    made,
    reports,
  } = sweeper(() => {
    throw new Error('no iterators');
  });
  for (let n = 1; n <= 3; n += 1) each.tick(START_NS + n * INTERVAL_NS);
  assert.deepEqual(reports, ['no iterators']);
  assert.equal(made.calls, 1);
});
