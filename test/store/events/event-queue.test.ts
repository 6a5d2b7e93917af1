/** The queue in front of a store: batches, retries, bounds, and what is counted when. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EventQueue, type EventQueueLimits } from '../../../src/store/events/event-queue.ts';
import type { WriteResult } from '../../../src/store/events/types.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { Lines } from '../options.ts';
import { eventOf, FakeSink, STORED } from './events.ts';

const DEADLINE_MS = 10_000;
const away = (afterMs?: number): WriteResult => ({ kind: 'retry', reason: 'away', afterMs });

function scene(limits: Partial<EventQueueLimits> = {}, answers?: FakeSink['answers']) {
  const sink = new FakeSink();
  if (answers !== undefined) sink.answers = answers;
  const counters = new Counters();
  const log = new Lines();
  const queue = new EventQueue({
    id: undefined,
    type: 'otel',
    sink,
    counters,
    log,
    failing: 'dropped.events_away',
    limits: {
      eventsMax: 100,
      bytesMax: 1_000,
      batchEventsMax: 10,
      batchBytesMax: 100,
      delayMs: 1,
      retryMs: 60_000,
      ...limits,
    },
    random: () => 0,
  });
  const add = (...names: string[]) => {
    for (const name of names) queue.add(eventOf(name));
  };
  return { sink, counters, said: () => log.lines.join('\n'), queue, add };
}

describe('events leave', () => {
  test('together, after a delay', async () => {
    const { sink, counters, queue, add } = scene();
    add('a', 'b', 'c');
    await sink.count(1);
    await queue.flush(DEADLINE_MS);
    assert.deepEqual(sink.writes, [['a', 'b', 'c']]);
    assert.equal(counters.get('events.stored'), 3);
    assert.deepEqual([queue.events, queue.bytes], [0, 0]);
  });

  test('at once when a batch is full, by number or by bytes', async () => {
    const limits = { delayMs: DEADLINE_MS, batchEventsMax: 2, batchBytesMax: 50 };
    const { sink, queue, add } = scene(limits);
    add('a', 'b');
    await sink.count(1);
    await queue.flush(DEADLINE_MS);
    add('x'.repeat(30), 'y'.repeat(30));
    await sink.count(2);
    await queue.flush(DEADLINE_MS);
    assert.deepEqual(
      sink.writes.map((texts) => texts.map((text) => text[0])),
      [['a', 'b'], ['x'], ['y']],
    );
  });

  test('one by one when one is larger than a batch', async () => {
    const { sink, queue, add } = scene({ batchBytesMax: 10 });
    add('x'.repeat(30), 'b');
    await queue.flush(DEADLINE_MS);
    assert.deepEqual(
      sink.writes.map((texts) => texts.length),
      [1, 1],
    );
  });

  test('in their order, one batch after the other', async () => {
    const { sink, queue, add } = scene({ batchEventsMax: 1 }, [away(), STORED]);
    add('a', 'b', 'c');
    await queue.flush(DEADLINE_MS);
    assert.deepEqual(sink.writes.flat(), ['a', 'a', 'b', 'c']);
  });
});

describe('a store that is away', () => {
  test('is offered the batch again, and said to take events again', async () => {
    const { sink, counters, queue, add, said } = scene({}, [away(), away(), STORED]);
    add('a', 'b');
    await queue.flush(DEADLINE_MS);
    assert.equal(sink.writes.length, 3);
    assert.equal(counters.get('events.retries'), 2);
    assert.equal(counters.get('events.stored'), 2);
    assert.match(said(), /a fake store: away; 2 events waiting, 0 dropped so far/);
    assert.match(said(), /takes events again/);
  });

  test('is left alone for as long as it says', async () => {
    const { queue, add, sink } = scene({}, [away(60), STORED]);
    add('a');
    const beganMs = performance.now();
    await queue.flush(DEADLINE_MS);
    assert.equal(sink.writes.length, 2);
    assert.ok(performance.now() - beganMs >= 59);
  });

  test('costs what does not fit, counted apart from a burst', async () => {
    const { sink, counters, queue, add } = scene({ eventsMax: 2, delayMs: DEADLINE_MS });
    add('a', 'b', 'c');
    assert.equal(counters.get('dropped.events_queue'), 1);
    await queue.flush(DEADLINE_MS);
    sink.answers = [away(DEADLINE_MS)];
    add('d', 'e');
    await queue.flush(1);
    add('f');
    assert.equal(counters.get('dropped.events_away'), 1);
    assert.equal(counters.get('dropped.events_queue'), 1);
    await queue.close(0);
    assert.equal(counters.get('dropped.events_at_exit'), 2);
  });

  test('costs a batch that is too old', async () => {
    const { counters, queue, add } = scene({ retryMs: 10 }, [away(50), STORED]);
    add('a', 'b');
    await queue.flush(DEADLINE_MS);
    assert.equal(counters.get('dropped.events_expired'), 2);
    assert.equal(counters.get('events.stored'), 0);
  });
});

test('bytes are bounded as well as events', async () => {
  const { counters, add, queue } = scene({
    bytesMax: 50,
    batchBytesMax: 100,
    delayMs: DEADLINE_MS,
  });
  add('x'.repeat(40), 'y'.repeat(20), 'z');
  assert.equal(counters.get('dropped.events_queue'), 1);
  assert.equal(queue.bytes, 41);
  await queue.close(0);
});

test('what a store refuses or rejects is counted and said', async () => {
  const { counters, queue, add, said } = scene({ batchEventsMax: 2 }, [
    { kind: 'refused', reason: 'HTTP 400' },
    { kind: 'stored', rejected: 1, message: 'too old' },
  ]);
  add('a', 'b', 'c', 'd');
  await queue.flush(DEADLINE_MS);
  assert.equal(counters.get('dropped.events_refused'), 2);
  assert.equal(counters.get('dropped.events_rejected'), 1);
  assert.equal(counters.get('events.stored'), 1);
  assert.match(said(), /HTTP 400/);
});

describe('at the exit', () => {
  test('what waits is sent within the deadline', async () => {
    const { sink, counters, queue, add } = scene({ delayMs: DEADLINE_MS });
    add('a');
    await queue.close(DEADLINE_MS);
    assert.deepEqual(sink.writes, [['a']]);
    assert.equal(counters.get('events.stored'), 1);
    assert.equal(sink.isClosed, true);
  });

  test('what a stalled store keeps is counted, and so is what comes later', async () => {
    const { sink, counters, queue, add } = scene({ batchEventsMax: 1 }, ['never']);
    add('a', 'b');
    await sink.count(1);
    await queue.close(20);
    add('c');
    assert.equal(counters.get('dropped.events_at_exit'), 3);
    assert.equal(counters.get('events.stored'), 0);
  });
});
