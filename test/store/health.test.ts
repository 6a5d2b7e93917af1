import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { StoreHealth } from '../../src/store/health.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { AWAY, DENIED, RETRY } from './fake-store.ts';
import { Lines } from './options.ts';

function setUp(t: TestContext, random = 1) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 1_000;
  t.mock.method(performance, 'now', () => nowMs);
  const due: number[] = [];
  const counters = new Counters();
  const log = new Lines();
  const health = new StoreHealth({
    target: 's3://b',
    retry: { ...RETRY, initialIntervalMs: 100, maxIntervalMs: 350 },
    counters,
    log,
    describe: () => '7 wait',
    onDue: () => due.push(nowMs),
    random: () => random,
  });
  const pass = (ms: number) => {
    nowMs += ms;
    t.mock.timers.tick(ms);
  };
  return { health, counters, log, due, pass };
}

/** Milliseconds until it is due again. */
function delayAfterFailure({ health, pass }: ReturnType<typeof setUp>): number {
  health.failed(AWAY);
  for (let ms = 0; ; ms++) {
    if (health.isDue) return ms;
    pass(1);
  }
}

test('the bound of the delay doubles up to its maximum, and starts anew after a success', (t) => {
  const parts = setUp(t);
  const delays = [1, 2, 3, 4].map(() => delayAfterFailure(parts));
  assert.deepEqual(delays, [100, 200, 350, 350]);
  parts.health.succeeded();
  assert.equal(delayAfterFailure(parts), 100);
});

test('the delay is anything between nothing and its bound', (t) => {
  assert.equal(delayAfterFailure(setUp(t, 0)), 0);
  t.mock.reset();
  assert.equal(delayAfterFailure(setUp(t, 0.3)), 30);
});

test('a time that the store named comes on top', (t) => {
  const { health, due, pass } = setUp(t, 0.5);
  health.failed({ ...AWAY, afterMs: 2_000 });
  pass(2_049);
  assert.equal(health.isDue, false);
  pass(2);
  assert.equal(health.isDue, true);
  assert.equal(due.length, 1);
});

test('several that fail together are one failure', (t) => {
  const parts = setUp(t);
  for (let i = 0; i < 8; i++) parts.health.failed(AWAY);
  assert.equal(parts.counters.get('store.retries'), 8);
  parts.pass(100);
  assert.equal(delayAfterFailure(parts), 200);
});

test('what is wrong is said once a minute, and that it is over once', (t) => {
  const { health, counters, log, pass } = setUp(t);
  for (let second = 0; second < 61; second++) {
    health.failed(DENIED);
    pass(1_000);
  }
  assert.equal(counters.get('store.denied'), 61);
  health.succeeded();
  health.succeeded();
  assert.deepEqual(log.lines, [
    'warn object store s3://b: 403 AccessDenied; 7 wait; capturing goes on',
    'warn object store s3://b: 403 AccessDenied; 7 wait; capturing goes on',
    'info object store s3://b: takes objects again',
  ]);
});
