/** What a collector gets over time, when it is there and when it is not. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Deltas } from '../../../src/export/metrics/otlp/deltas.ts';
import { MetricPush, type PushOptions } from '../../../src/export/metrics/otlp/push.ts';
import type { Snapshot } from '../../../src/export/metrics/otlp/snapshot.ts';
import type { ResourceMetrics } from '../../../src/export/metrics/types.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import {
  counter,
  counterPoint,
  EXEMPLAR,
  histogram,
  histogramPoint,
  START_NS,
  service,
} from './snapshots.ts';

const CUMULATIVE = { counter: 'cumulative', histogram: 'cumulative' } as const;
const DELTA = { counter: 'delta', histogram: 'delta' } as const;

class Receiver {
  readonly sent: Snapshot[] = [];
  /** What is collected next. */
  now: readonly ResourceMetrics[] = [];
  failure: Error | undefined;
  isClosed = false;
  readonly counters = new Counters();
  readonly lines: string[] = [];
  #timeNs = START_NS;

  push(t: TestContext, options: Partial<PushOptions> = {}): MetricPush {
    const say = (line: string) => this.lines.push(line);
    const push = new MetricPush({
      exporter: {
        send: async (snapshot) => {
          if (this.failure !== undefined) throw this.failure;
          this.sent.push(snapshot);
        },
        close: async () => {
          this.isClosed = true;
        },
      },
      sources: [{ collect: () => this.now }],
      temporalities: CUMULATIVE,
      deltas: new Deltas(),
      intervalMs: 3_600_000,
      pointsMax: 100,
      nowUnixNs: () => {
        this.#timeNs += 1_000n;
        return this.#timeNs;
      },
      counters: this.counters,
      log: { debug: say, info: say, warn: say, error: say },
      ...options,
    });
    t.after(() => push.stop());
    return push;
  }

  /** Points of the last request: bucket counts or value, and start after START_NS. */
  last(): unknown[] {
    return (this.sent.at(-1)?.resources ?? [])
      .flatMap(({ metrics }) => metrics)
      .flatMap((metric): unknown[] =>
        metric.kind === 'counter'
          ? metric.points.map(({ value, startUnixNs }) => [value, Number(startUnixNs - START_NS)])
          : metric.points.map(({ bucketCounts, startUnixNs }) => [
              bucketCounts,
              Number(startUnixNs - START_NS),
            ]),
      );
  }
}

function collected(bucketCounts: number[], value: number): ResourceMetrics[] {
  return [
    service('a', histogram(histogramPoint({ bucketCounts })), counter(counterPoint({ value }))),
  ];
}

describe('cumulative', () => {
  test('tells everything since the start each time, counted or not', async (t) => {
    const receiver = new Receiver();
    const push = receiver.push(t);
    receiver.now = collected([1, 0, 0], 5);
    await push.push();
    await push.push();
    assert.deepEqual(receiver.last(), [
      [[1, 0, 0], 0],
      [5, 0],
    ]);
    assert.equal(receiver.sent.length, 2);
    assert.equal(receiver.counters.get('metrics.pushed_points'), 4);
  });
});

describe('delta', () => {
  test('tells what was added since what arrived last, and nothing for nothing', async (t) => {
    const receiver = new Receiver();
    const push = receiver.push(t, { temporalities: DELTA });
    receiver.now = collected([1, 0, 0], 5);
    await push.push();
    receiver.now = collected([1, 2, 0], 5);
    await push.push();
    assert.deepEqual(receiver.last(), [[[0, 2, 0], 1_000]]);
  });

  test('adds up what did not arrive', async (t) => {
    const receiver = new Receiver();
    const push = receiver.push(t, { temporalities: DELTA });
    receiver.now = collected([1, 0, 0], 5);
    receiver.failure = new Error('connection refused');
    await push.push();
    receiver.failure = undefined;
    receiver.now = collected([1, 2, 0], 8);
    await push.push();
    assert.deepEqual(receiver.last(), [
      [[1, 2, 0], 0],
      [8, 0],
    ]);
  });

  test('begins anew with a series that began anew', async (t) => {
    const receiver = new Receiver();
    const push = receiver.push(t, { temporalities: DELTA });
    receiver.now = [service('a', counter(counterPoint({ value: 9 })))];
    await push.push();
    receiver.now = [service('a', counter(counterPoint({ value: 4, startUnixNs: START_NS + 5n })))];
    await push.push();
    assert.deepEqual(receiver.last(), [[4, 5]]);
  });

  test('holds for histograms alone where counters are observed (lowmemory)', async (t) => {
    const receiver = new Receiver();
    const push = receiver.push(t, { temporalities: { ...DELTA, counter: 'cumulative' } });
    receiver.now = collected([1, 0, 0], 5);
    await push.push();
    receiver.now = collected([2, 0, 0], 6);
    await push.push();
    assert.deepEqual(receiver.last(), [
      [[1, 0, 0], 1_000],
      [6, 0],
    ]);
  });
});

test('deltas go on where other settings left off', async (t) => {
  const receiver = new Receiver();
  const deltas = new Deltas();
  receiver.now = collected([1, 0, 0], 5);
  await receiver.push(t, { temporalities: DELTA, deltas }).stop();
  receiver.now = collected([1, 0, 1], 5);
  await receiver.push(t, { temporalities: DELTA, deltas }).push();
  assert.deepEqual(receiver.last(), [[[0, 0, 1], 1_000]]);
});

describe('exemplars', () => {
  const exemplarsOf = (snapshot: Snapshot | undefined) =>
    (snapshot?.resources ?? [])
      .flatMap(({ metrics }) => metrics)
      .flatMap((metric) => (metric.kind === 'histogram' ? metric.points : []))
      .flatMap(({ exemplars }) => exemplars.map(({ spanId }) => spanId));

  test('are told once', async (t) => {
    const receiver = new Receiver();
    const push = receiver.push(t);
    const other = { ...EXEMPLAR, bucket: 0, spanId: '00f067aa0ba902b8' };
    receiver.now = [service('a', histogram(histogramPoint({ exemplars: [EXEMPLAR] })))];
    await push.push();
    receiver.now = [service('a', histogram(histogramPoint({ exemplars: [other, EXEMPLAR] })))];
    await push.push();
    await push.push();
    assert.deepEqual(receiver.sent.map(exemplarsOf), [[EXEMPLAR.spanId], [other.spanId], []]);
  });

  test('are told again when they did not arrive', async (t) => {
    const receiver = new Receiver();
    const push = receiver.push(t);
    receiver.now = [service('a', histogram(histogramPoint({ exemplars: [EXEMPLAR] })))];
    receiver.failure = new Error('no');
    await push.push();
    receiver.failure = undefined;
    await push.push();
    assert.deepEqual(receiver.sent.map(exemplarsOf), [[EXEMPLAR.spanId]]);
  });
});

test('a failure is said once, counted each time, and so is its end', async (t) => {
  const receiver = new Receiver();
  const push = receiver.push(t);
  receiver.now = collected([1, 0, 0], 5);
  receiver.failure = new Error('connection refused');
  await push.push();
  await push.push();
  receiver.failure = undefined;
  await push.push();
  assert.equal(receiver.counters.get('metrics.push_failed'), 2);
  assert.equal(receiver.lines.length, 2);
  assert.match(receiver.lines[0] ?? '', /connection refused/);
  assert.match(receiver.lines[1] ?? '', /arrive again/);
});

test('the last values are sent at the end, then the way is closed', async (t) => {
  const receiver = new Receiver();
  const push = receiver.push(t);
  receiver.now = collected([1, 0, 0], 5);
  await push.stop();
  assert.equal(receiver.sent.length, 1);
  assert.equal(receiver.isClosed, true);
});

test('pushes do not overtake one another', async (t) => {
  const receiver = new Receiver();
  const push = receiver.push(t);
  receiver.now = collected([1, 0, 0], 5);
  await Promise.all([push.push(), push.push()]);
  assert.equal(receiver.sent.length, 1);
});
