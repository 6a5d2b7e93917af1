import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { ExportQueue, type QueueLimits } from '../../src/export/queue.ts';
import type { SendResult } from '../../src/export/types.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { ACCEPTED, FakeTransport, Lines, QUEUE_LIMITS, retry } from './transports.ts';

function setUp(answers: FakeTransport['answers'], limits: Partial<QueueLimits> = {}) {
  const transport = new FakeTransport();
  transport.answers = answers;
  const counters = new Counters();
  const log = new Lines();
  const all = { ...QUEUE_LIMITS, ...limits };
  const released: Uint8Array[] = [];
  const release = (done: Uint8Array) => released.push(done);
  const parts = { transport, limits: all, counters, log, encoding: 'protobuf', release } as const;
  const queue = new ExportQueue({ ...parts, random: () => 0.5 });
  return { transport, counters, log, queue, released };
}

const body = (bytes = 10): Uint8Array => new Uint8Array(bytes);

/** Lets promises run, between moves of a mocked clock. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

/** Timers and performance.now move only when told. */
function mockTime(t: TestContext): { pass: (ms: number) => Promise<void> } {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 1_000;
  t.mock.method(performance, 'now', () => nowMs);
  return {
    pass: async (ms) => {
      await settle();
      nowMs += ms;
      t.mock.timers.tick(ms);
      await settle();
    },
  };
}

describe('the export queue', () => {
  test('sends what it is given and is empty then', async () => {
    const { queue, transport, counters } = setUp([ACCEPTED]);
    queue.push(body(7), 3);
    assert.deepEqual([queue.spans, queue.bytes], [3, 7]);
    await queue.drained();
    assert.deepEqual([queue.spans, queue.bytes], [0, 0]);
    assert.equal(transport.sent.length, 1);
    assert.equal(counters.get('export.spans'), 3);
    assert.equal(counters.get('export.requests'), 1);
    assert.equal(counters.get('export.bytes'), 7);
  });

  test('gives each body back once, when it has no more use for it', async () => {
    const { queue, released } = setUp([ACCEPTED, { kind: 'refused', reason: 'HTTP 400' }]);
    const bodies = [body(1), body(2)];
    for (const each of bodies) queue.push(each, 1);
    assert.deepEqual(released, [], 'while they are under way');
    await queue.drained();
    assert.deepEqual(released, bodies);
  });

  test('has so many requests under way and no more', async () => {
    const { queue, transport } = setUp([ACCEPTED], { requestsMax: 3 });
    for (let i = 0; i < 10; i++) queue.push(body(), 1);
    await queue.drained();
    assert.equal(transport.mostUnderWay, 3);
    assert.equal(transport.sent.length, 10);
  });

  test('knows when it is full, by spans and by bytes', () => {
    const pending = new Promise<SendResult>(() => undefined);
    const { queue } = setUp([pending], { spansMax: 10, bytesMax: 100 });
    assert.ok(queue.hasRoom(10, 100));
    queue.push(body(60), 6);
    assert.ok(queue.hasRoom(4, 40));
    assert.ok(!queue.hasRoom(5, 1));
    assert.ok(!queue.hasRoom(1, 41));
  });

  test('counts what the collector rejected, and does not send it again', async () => {
    const partial: SendResult = { kind: 'accepted', rejected: 2, message: 'too old' };
    const { queue, transport, counters, log } = setUp([partial]);
    queue.push(body(), 5);
    await queue.drained();
    assert.equal(transport.sent.length, 1);
    assert.equal(counters.get('dropped.rejected'), 2);
    assert.equal(counters.get('export.spans'), 3);
    assert.match(log.lines[0] ?? '', /2 spans rejected: too old/);
  });

  test('never counts more rejected than it sent', async () => {
    const { queue, counters } = setUp([{ kind: 'accepted', rejected: 99, message: '' }]);
    queue.push(body(), 5);
    await queue.drained();
    assert.equal(counters.get('dropped.rejected'), 5);
    assert.equal(counters.get('export.spans'), 0);
  });

  test('gives up what the collector refused', async () => {
    const { queue, transport, counters, log } = setUp([{ kind: 'refused', reason: 'HTTP 400' }]);
    queue.push(body(), 5);
    await queue.drained();
    assert.equal(transport.sent.length, 1);
    assert.equal(counters.get('dropped.refused'), 5);
    assert.match(log.lines[0] ?? '', /HTTP 400; 0 spans waiting, 5 dropped/);
  });
});

describe('a retryable failure', () => {
  test('is offered again after a random share of a delay that doubles', async (t) => {
    const time = mockTime(t);
    const { queue, transport, counters } = setUp([retry(), retry(), retry(), ACCEPTED]);
    queue.push(body(), 4);
    await time.pass(249);
    assert.equal(transport.sent.length, 1, 'half of 500 ms');
    await time.pass(1);
    assert.equal(transport.sent.length, 2);
    await time.pass(499);
    assert.equal(transport.sent.length, 2, 'half of 1000 ms');
    await time.pass(1);
    assert.equal(transport.sent.length, 3);
    await time.pass(1_000);
    assert.equal(transport.sent.length, 4);
    await queue.drained();
    assert.equal(counters.get('export.retries'), 3);
    assert.equal(counters.get('export.spans'), 4);
    assert.equal(counters.total('dropped'), 0);
  });

  test('waits as long as the collector said, and a little', async (t) => {
    const time = mockTime(t);
    const { queue, transport } = setUp([retry(20_000), ACCEPTED]);
    queue.push(body(), 4);
    await time.pass(20_000);
    assert.equal(transport.sent.length, 1);
    await time.pass(250);
    assert.equal(transport.sent.length, 2);
    await queue.drained();
  });

  test('is given up when it is too old, and counted', async (t) => {
    const time = mockTime(t);
    const { queue, counters } = setUp([retry()], { retryMs: 3_000 });
    queue.push(body(), 4);
    for (let i = 0; i < 20; i++) await time.pass(500);
    await queue.drained();
    assert.equal(counters.get('dropped.export_expired'), 4);
    assert.equal(counters.get('export.spans'), 0);
  });

  test('is given up at once when the collector asks for more patience than there is', async (t) => {
    const time = mockTime(t);
    const { queue, counters } = setUp([retry(100_000)]);
    queue.push(body(), 4);
    await time.pass(0);
    assert.equal(counters.get('dropped.export_expired'), 4);
  });

  test('delays the others only by its place', async (t) => {
    const time = mockTime(t);
    const { queue, transport } = setUp([retry(), ACCEPTED], { requestsMax: 2 });
    for (let i = 0; i < 5; i++) queue.push(body(), 1);
    await time.pass(0);
    assert.equal(transport.sent.length, 5);
    assert.equal(queue.spans, 1);
  });

  test('holds the others back as well when the collector says when to come back', async (t) => {
    const time = mockTime(t);
    const { queue, transport } = setUp([retry(10_000), ACCEPTED], { requestsMax: 1 });
    queue.push(body(), 1);
    await time.pass(0);
    queue.push(body(), 1);
    await time.pass(9_999);
    assert.equal(transport.sent.length, 1);
    await time.pass(251);
    assert.equal(transport.sent.length, 3);
    await queue.drained();
  });

  test('never pauses longer than a request is offered at all', async (t) => {
    const time = mockTime(t);
    const { queue, transport, counters } = setUp([retry(1e9), ACCEPTED], { retryMs: 5_000 });
    queue.push(body(), 1);
    await time.pass(0);
    assert.equal(counters.get('dropped.export_expired'), 1);
    queue.push(body(), 1);
    await time.pass(5_000);
    assert.equal(transport.sent.length, 2);
    await queue.drained();
  });

  test('is said once a minute, and so is its end', async (t) => {
    const time = mockTime(t);
    const { queue, transport, log } = setUp([retry()]);
    queue.push(body(), 4);
    for (let i = 0; i < 110; i++) await time.pass(250);
    assert.equal(log.lines.length, 1);
    assert.match(log.lines[0] ?? '', /^warn collector fake: told to; 4 spans waiting, 0 dropped/);
    for (let i = 0; i < 16; i++) await time.pass(2_500);
    queue.push(body(), 1);
    await time.pass(0);
    assert.equal(log.lines.length, 2);
    transport.answers = [ACCEPTED];
    queue.push(body(), 1);
    await time.pass(0);
    assert.match(log.lines[2] ?? '', /^info collector fake: accepts spans again/);
    queue.push(body(), 1);
    await time.pass(0);
    assert.equal(log.lines.length, 3);
  });
});

describe('closing', () => {
  test('counts what waits, what rests and what is under way', async () => {
    const pending = new Promise<SendResult>((resolve) => setImmediate(() => resolve(retry())));
    const { queue, transport, counters } = setUp([retry(50_000), pending], { requestsMax: 2 });
    for (let i = 0; i < 4; i++) queue.push(body(), 10);
    await settle();
    await queue.close();
    assert.equal(counters.get('dropped.at_exit'), 40);
    assert.ok(transport.isClosed);
    assert.equal(queue.spans, 0);
  });

  test('counts what comes later', async () => {
    const { queue, counters, transport } = setUp([ACCEPTED]);
    await queue.close();
    queue.push(body(), 10);
    assert.equal(counters.get('dropped.at_exit'), 10);
    assert.equal(transport.sent.length, 0);
  });
});
