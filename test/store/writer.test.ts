import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { PutResult } from '../../src/store/types.ts';
import { openSpool } from '../spool/small-spool.ts';
import { AWAY, DENIED, FakeStore, objectOf, RETRY, STORED, until, writerOf } from './fake-store.ts';
import { canMount, smallDisk, temporaryFolder } from './temporary.ts';

const keys = (count: number) => Array.from({ length: count }, (_, index) => `key-${index}`);

describe('a writer', () => {
  test('stores what it is given, so many at once and no more', async () => {
    const store = new FakeStore();
    store.answer = () => new Promise((resolve) => setImmediate(resolve, STORED));
    const { writer, counters } = writerOf(store, { limits: { requestsMax: 3 } });
    for (const key of keys(20)) assert.ok(writer.offer(objectOf(key)));
    await writer.flush(5_000);
    assert.deepEqual([...store.stored.keys()].sort(), keys(20).sort());
    assert.equal(store.mostUnderWay, 3);
    assert.equal(counters.get('store.objects'), 20);
    assert.equal(counters.get('store.bytes'), keys(20).join('').length);
    assert.equal(writer.bytes, 0);
    await writer.close(0);
    assert.ok(store.isClosed);
  });

  test('counts what the store had already', async () => {
    const store = new FakeStore();
    store.answer = () => ({ kind: 'existed' });
    const { writer, counters } = writerOf(store);
    writer.offer(objectOf('a'));
    await writer.flush(5_000);
    assert.deepEqual([counters.get('store.existed'), counters.get('store.objects')], [1, 0]);
    await writer.close(0);
  });

  test('offers again what failed until it is stored', async () => {
    const store = new FakeStore();
    store.answer = () => (store.attempts < 5 ? AWAY : STORED);
    const { writer, counters, log } = writerOf(store);
    for (const key of keys(3)) writer.offer(objectOf(key));
    await writer.flush(5_000);
    assert.equal(store.stored.size, 3);
    assert.equal(counters.get('store.retries'), 4);
    assert.deepEqual(
      log.lines.map((line) => line.slice(0, 4)),
      ['warn', 'info'],
    );
    await writer.close(0);
  });

  test('asks a store that is away with one write at a time', async () => {
    const store = new FakeStore();
    store.answer = () => AWAY;
    const { writer } = writerOf(store);
    for (const key of keys(50)) writer.offer(objectOf(key));
    await until('the first writes failed', () => writer.isAway);
    store.mostUnderWay = 0;
    await until('five more', () => store.attempts > 9);
    assert.equal(store.mostUnderWay, 1);
    store.answer = () => STORED;
    await writer.flush(5_000);
    assert.equal(store.stored.size, 50);
    await writer.close(0);
  });

  test('counts refused rights apart, and complains once a minute', async () => {
    const store = new FakeStore();
    store.answer = () => DENIED;
    const { writer, counters, log } = writerOf(store);
    writer.offer(objectOf('a'));
    await until('several tries', () => counters.get('store.denied') > 4);
    assert.equal(log.lines.length, 1);
    assert.match(log.lines[0] ?? '', /^warn object store fake: 403 AccessDenied; 1 bytes waiting/);
    await writer.close(0);
  });

  test('drops what is refused for good, says so to the one who remembers keys, and goes on', async () => {
    const store = new FakeStore();
    const refused: PutResult = { kind: 'refused', reason: 'EntityTooLarge', isFull: false };
    store.answer = ({ key }) => (key === 'bad' ? refused : STORED);
    const dropped: string[] = [];
    const { writer, counters } = writerOf(store, { onDropped: (key) => dropped.push(key) });
    for (const key of ['bad', 'good']) writer.offer(objectOf(key));
    await writer.flush(5_000);
    assert.deepEqual([...store.stored.keys()], ['good']);
    assert.deepEqual(dropped, ['bad']);
    assert.equal(counters.get('dropped.store_refused'), 1);
    await writer.close(0);
  });
});

describe('the bounds of a writer', () => {
  test('memory, without a spool: what does not fit is counted', async () => {
    const store = new FakeStore();
    store.answer = () => AWAY;
    const { writer, counters } = writerOf(store, { limits: { queueBytesMax: 1_000 } });
    const taken = keys(20).filter((key) => writer.offer(objectOf(key, 'x'.repeat(100))));
    assert.equal(taken.length, 10);
    assert.equal(counters.get('dropped.store_queue'), 10);
    store.answer = () => STORED;
    await writer.flush(5_000);
    assert.deepEqual([...store.stored.keys()].sort(), taken.sort());
    await writer.close(0);
  });

  test('memory and spool: what fits into neither is counted, what fits is stored', async (t) => {
    const store = new FakeStore();
    store.answer = () => AWAY;
    const { spool } = await openSpool(temporaryFolder(t), { bytesMax: 5_000 });
    const { writer, counters } = writerOf(store, { spool, limits: { queueBytesMax: 1_000 } });
    const taken: string[] = [];
    for (const key of keys(60)) {
      if (writer.offer(objectOf(key, 'x'.repeat(100)))) taken.push(key);
      await spool.written();
    }
    assert.ok(taken.length > 20 && taken.length < 40, `${taken.length}`);
    assert.equal(counters.get('dropped.store_spool_full'), 60 - taken.length);
    assert.ok(counters.get('store.spool_full') > 0);
    assert.ok(counters.get('store.spooled') > 10);
    store.answer = () => STORED;
    await writer.flush(5_000);
    assert.deepEqual([...store.stored.keys()].sort(), taken.sort());
    await writer.close(0);
  });

  test('the disk of the spool: what fits into neither while it is full is counted', {
    skip: !canMount && 'mounting needs root',
  }, async (t) => {
    const store = new FakeStore();
    store.answer = () => AWAY;
    const disk = smallDisk(t, 64 * 1024);
    const { spool, noted } = await openSpool(join(disk, 'spool'), { bufferBytesMax: 8_192 });
    const { writer, counters } = writerOf(store, { spool, limits: { queueBytesMax: 10_000 } });
    const taken: string[] = [];
    for (const key of keys(60)) {
      if (writer.offer(objectOf(key, 'x'.repeat(4_000)))) taken.push(key);
      await spool.written();
    }
    assert.match(noted.failures[0] ?? '', /ENOSPC/);
    const full = counters.get('dropped.store_spool_full'); // before the disk was
    const failed = counters.get('dropped.store_spool_failed');
    assert.ok(failed > 10, `${failed}`);
    assert.equal(full + failed, 60 - taken.length);
    assert.ok(taken.length < 40, `${taken.length}`);
    store.answer = () => STORED;
    await writer.flush(10_000);
    assert.deepEqual([...store.stored.keys()].sort(), taken.sort());
    await writer.close(0);
  });

  test('one object: a larger one is counted', async () => {
    const { writer, counters } = writerOf(new FakeStore(), { limits: { objectBytesMax: 10 } });
    assert.equal(writer.offer(objectOf('a', 'x'.repeat(11))), false);
    assert.equal(counters.get('dropped.store_too_large'), 1);
    await writer.close(0);
  });

  test('age: what the store did not take in time is given up', async () => {
    const store = new FakeStore();
    store.answer = () => AWAY;
    const retry = { ...RETRY, maxElapsedTimeMs: 30 };
    const { writer, counters } = writerOf(store, { retry });
    writer.offer(objectOf('a'));
    await writer.flush(5_000);
    assert.equal(counters.get('dropped.store_expired'), 1);
    assert.equal(writer.bytes, 0);
    await writer.close(0);
  });

  test('the exit: what is left without a spool is counted', async () => {
    const store = new FakeStore();
    store.answer = () => AWAY;
    const { writer, counters } = writerOf(store);
    for (const key of keys(7)) writer.offer(objectOf(key));
    await writer.close(10);
    assert.equal(counters.get('dropped.store_at_exit'), 7);
    assert.equal(writer.offer(objectOf('late')), false);
    assert.equal(counters.get('dropped.store_at_exit'), 8);
  });
});

describe('a writer with a spool', () => {
  test('puts on disk what a slow store has under way for longer than the delay', async (t) => {
    const folder = temporaryFolder(t);
    const store = new FakeStore();
    store.answer = () => new Promise<PutResult>(() => undefined);
    const { spool } = await openSpool(folder);
    const { writer, counters } = writerOf(store, { spool, limits: { spoolDelayMs: 10 } });
    for (const key of keys(6)) writer.offer(objectOf(key));
    await until('all are on disk', () => counters.get('store.spooled') === 6);
    await spool.written();
    assert.equal(store.attempts, 4);
    await spool.close(); // as if the process had died: nothing was acknowledged

    const next = new FakeStore();
    const again = writerOf(next, { spool: (await openSpool(folder)).spool });
    await again.writer.flush(5_000);
    assert.deepEqual([...next.stored.keys()].sort(), keys(6));
    await again.writer.close(0);
    await writer.close(0);
  });

  test('leaves no object on disk when a store is quick', async (t) => {
    const { spool } = await openSpool(temporaryFolder(t));
    const { writer, counters } = writerOf(new FakeStore(), { spool });
    for (const key of keys(100)) writer.offer(objectOf(key));
    await writer.flush(5_000);
    assert.equal(counters.get('store.spooled'), 0);
    assert.equal(spool.bytes, 0);
    await writer.close(0);
  });

  test('leaves everything to the next process when it has to end', async (t) => {
    const folder = temporaryFolder(t);
    const store = new FakeStore();
    store.answer = () => AWAY;
    const first = writerOf(store, { spool: (await openSpool(folder)).spool });
    for (const key of keys(30)) first.writer.offer(objectOf(key, `content of ${key}`));
    await first.writer.close(0);
    assert.equal(first.counters.get('dropped.store_at_exit'), 0);

    const next = new FakeStore();
    const second = writerOf(next, { spool: (await openSpool(folder)).spool });
    await second.writer.flush(5_000);
    assert.equal(next.stored.size, 30);
    assert.equal(next.stored.get('key-7'), 'content of key-7');
    await second.writer.close(0);
  });

  test('stores fresh objects while it works off what waited', async (t) => {
    const { spool } = await openSpool(temporaryFolder(t));
    const store = new FakeStore();
    store.answer = () => AWAY;
    // Long enough that the fresh object is not handed to the spool on a slow machine.
    const { writer, counters } = writerOf(store, { spool, limits: { spoolDelayMs: 500 } });
    for (const key of keys(40)) writer.offer(objectOf(key));
    await until('most are on disk', () => counters.get('store.spooled') >= 36);
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    store.answer = async ({ key }) => {
      order.push(key);
      if (order.length > 1) await gate.promise;
      return STORED;
    };
    await until('it is back, with as many under way as may be', () => order.length === 5);
    writer.offer(objectOf('fresh'));
    gate.resolve();
    await writer.flush(5_000);
    assert.equal(store.stored.size, 41);
    assert.ok(order.indexOf('fresh') < 10, `${order.indexOf('fresh')}`);
    await writer.close(0);
  });
});
