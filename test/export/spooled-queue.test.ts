import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { openSpanSpool, SpanSpool } from '../../src/export/span-spool.ts';
import type { SendResult } from '../../src/export/types.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { openSpool } from '../spool/small-spool.ts';
import { until } from '../store/fake-store.ts';
import { canMount, smallDisk, temporaryFolder } from '../store/temporary.ts';
import { kept } from './decided.ts';
import { toBatch } from './rows.ts';
import { assertAccount, numbered, numbersOf, openQueue } from './spooled-queue.ts';
import { ACCEPTED, createFakeExporter, FakeTransport, Lines, retry } from './transports.ts';

const REFUSED: SendResult = { kind: 'refused', reason: 'HTTP 400' };
const NEVER = new Promise<SendResult>(() => undefined);

function transportOf(...answers: FakeTransport['answers']): FakeTransport {
  const transport = new FakeTransport();
  transport.answers = answers;
  return transport;
}

/** What is in a spool that nobody has open: sent by a queue whose collector is there. */
async function sendRest(t: TestContext, folder: string) {
  const parts = await openQueue(t, folder, { limits: { requestsMax: 1 } });
  await until(
    'all of it is sent',
    () => parts.spool.spans === 0 && parts.transport.sent.length > 0,
  );
  await parts.queue.close();
  return { ...parts, numbers: numbersOf(parts.transport) };
}

describe('a queue with a spool', () => {
  test('puts nothing on disk while the collector answers promptly', async (t) => {
    const { queue, counters, transport } = await openQueue(t, temporaryFolder(t));
    for (let i = 0; i < 50; i++) queue.push(numbered(i), 1);
    await queue.drained();
    assert.equal(transport.sent.length, 50);
    assert.equal(counters.get('export.spooled'), 0);
    assertAccount(counters, 50);
  });

  test('sends what waited on disk when the collector is back, each once, oldest first', async (t) => {
    const transport = transportOf(retry());
    const limits = { requestsMax: 1 };
    const parts = await openQueue(t, temporaryFolder(t), { transport, limits });
    const { queue, spool, counters, log } = parts;
    for (let i = 0; i < 20; i++) queue.push(numbered(i), 2);
    await until('all is on disk', () => spool.spans === 40);
    assert.deepEqual([queue.spans, queue.bytes], [0, 0]);
    transport.sent.length = 0;
    transport.answers = [ACCEPTED];
    await until('all has arrived', () => counters.get('export.spans') === 40);
    const last = numbersOf(transport).slice(-20);
    assert.deepEqual(
      last.toSorted((a, b) => a - b),
      [...Array(20).keys()],
    );
    assert.equal(last[0], 0);
    assert.equal(spool.spans, 0);
    assertAccount(counters, 40);
    assert.match(log.lines[0] ?? '', /told to; \d+ spans waiting in memory, \d+ in the spool/);
    assert.match(log.lines.at(-1) ?? '', /accepts spans again, those of the spool as well/);
  });

  test('asks a collector that is away with one request at a time', async (t) => {
    const transport = transportOf(retry());
    const { queue, spool } = await openQueue(t, temporaryFolder(t), { transport });
    for (let i = 0; i < 10; i++) queue.push(numbered(i), 1);
    await until('all is on disk', () => spool.spans === 10);
    transport.mostUnderWay = 0;
    const { length } = transport.sent;
    await until('it was asked again', () => transport.sent.length > length + 5);
    assert.equal(transport.mostUnderWay, 1);
  });

  test('sends from disk as many requests at once as from memory', async (t) => {
    const folder = temporaryFolder(t);
    const first = await openQueue(t, folder, { transport: transportOf(retry()) });
    for (let i = 0; i < 6; i++) first.queue.push(numbered(i), 1);
    await first.queue.close();
    const transport = transportOf(NEVER);
    await openQueue(t, folder, { transport, limits: { requestsMax: 3 } });
    await until('as many as may be are under way', () => transport.mostUnderWay === 3);
    assert.deepEqual(numbersOf(transport).toSorted(), [0, 1, 2]);
  });

  test('keeps what is under way for longer than the delay', async (t) => {
    const folder = temporaryFolder(t);
    const transport = transportOf(NEVER);
    const limits = { spoolDelayMs: 10 };
    const { queue, spool, counters } = await openQueue(t, folder, { transport, limits });
    for (let i = 0; i < 6; i++) queue.push(numbered(i), 1);
    await until('all is on disk', () => spool.spans === 6);
    assert.equal(transport.sent.length, 2);
    assert.equal(queue.spans, 0, 'what is on disk does not count against memory');
    await queue.close();
    assert.equal(counters.total('dropped'), 0);
    const { numbers } = await sendRest(t, folder);
    assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5]);
  });

  test('forgets on disk what arrived after the delay', async (t) => {
    const folder = temporaryFolder(t);
    const answer = Promise.withResolvers<SendResult>();
    const options = { transport: transportOf(answer.promise), limits: { spoolDelayMs: 10 } };
    const { queue, spool, counters } = await openQueue(t, folder, options);
    queue.push(numbered(0), 3);
    await until('it is on disk', () => spool.spans === 3);
    answer.resolve(ACCEPTED);
    await queue.drained();
    assert.equal(spool.spans, 0);
    assertAccount(counters, 3);
    await queue.close();
    assert.deepEqual(readdirSync(folder), []);
  });

  test('leaves to the next run what it could not send, and counts nothing as dropped', async (t) => {
    const folder = temporaryFolder(t);
    const first = await openQueue(t, folder, { transport: transportOf(retry()) });
    for (let i = 0; i < 30; i++) first.queue.push(numbered(i), 2);
    await first.queue.close();
    assert.equal(first.counters.total('dropped'), 0);
    assertAccount(first.counters, 60);
    const second = await sendRest(t, folder);
    assert.deepEqual(
      second.numbers.toSorted((a, b) => a - b),
      [...Array(30).keys()],
    );
    assert.equal(second.counters.get('export.spool_found'), 60);
    assertAccount(second.counters, 0);
    assert.match(second.log.lines[0] ?? '', /^info spool .*: 60 spans of an earlier run/);
  });

  test('sends new spans beside those of an earlier run', async (t) => {
    const folder = temporaryFolder(t);
    const first = await openQueue(t, folder, { transport: transportOf(retry()) });
    for (let i = 0; i < 40; i++) first.queue.push(numbered(i), 1);
    await first.queue.close();
    const { queue, counters, transport } = await openQueue(t, folder, {
      limits: { requestsMax: 1 },
    });
    queue.push(numbered(99), 1);
    await until('all is sent', () => counters.get('export.spans') === 41);
    assert.ok(numbersOf(transport).indexOf(99) < 5);
  });

  test('gives what it could not send to the queue that follows it on the same spool', async (t) => {
    const folder = temporaryFolder(t);
    const first = await openQueue(t, folder, { transport: transportOf(retry()) });
    for (let i = 0; i < 5; i++) first.queue.push(numbered(i), 2);
    const { queue, transport } = await openQueue(t, folder, { spool: first.spool });
    for (let i = 5; i < 8; i++) queue.push(numbered(i), 2);
    for (let i = 8; i < 10; i++) first.queue.push(numbered(i), 2);
    await first.queue.close();
    await until('all is sent', () => transport.sent.length >= 10 && first.spool.spans === 0);
    const numbers = numbersOf(transport).toSorted((a, b) => a - b);
    assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(first.counters.total('dropped'), 0);
    queue.push(numbered(10), 1);
    await queue.drained();
    assert.equal(transport.sent.length, 11);
  });

  test('is drained when everything is on disk and the collector is away', async (t) => {
    const parts = await openQueue(t, temporaryFolder(t), { transport: transportOf(retry()) });
    parts.queue.push(numbered(0), 1);
    await parts.queue.drained();
    assert.equal(parts.spool.spans, 1);
  });

  test('is drained when the spool is empty and the collector is there', async (t) => {
    const folder = temporaryFolder(t);
    const first = await openQueue(t, folder, { transport: transportOf(retry()) });
    for (let i = 0; i < 10; i++) first.queue.push(numbered(i), 1);
    await first.queue.close();
    const { queue, counters } = await openQueue(t, folder);
    await until('it was looked at', () => counters.get('export.spool_found') === 10);
    await queue.drained();
    assert.equal(counters.get('export.spans'), 10);
  });

  test('waits as long as the collector said before it sends anything', async (t) => {
    const transport = transportOf(retry(300), ACCEPTED);
    const { queue, counters } = await openQueue(t, temporaryFolder(t), { transport });
    queue.push(numbered(0), 1);
    await until('it was told to wait', () => counters.get('export.retries') === 1);
    queue.push(numbered(1), 1);
    await until('both arrived', () => counters.get('export.spans') === 2);
    const [first, second] = transport.sent;
    assert.ok((second?.atMs ?? 0) - (first?.atMs ?? 0) >= 300);
  });
});

describe('what the collector will never take', () => {
  test('leaves the spool when it is refused', async (t) => {
    const transport = transportOf(retry());
    const { queue, spool, counters } = await openQueue(t, temporaryFolder(t), { transport });
    for (let i = 0; i < 5; i++) queue.push(numbered(i), 4);
    await until('all is on disk', () => spool.spans === 20);
    transport.answers = [REFUSED];
    await until('all is refused', () => spool.spans === 0);
    assert.equal(counters.get('dropped.refused'), 20);
    assertAccount(counters, 20);
  });

  test('is counted when it rejects some of a spooled request', async (t) => {
    const transport = transportOf(retry(), { kind: 'accepted', rejected: 3, message: 'old' });
    const { queue, spool, counters } = await openQueue(t, temporaryFolder(t), { transport });
    queue.push(numbered(0), 10);
    await until('it arrived', () => counters.get('export.spans') === 7);
    assert.equal(spool.spans, 0);
    assert.equal(counters.get('dropped.rejected'), 3);
    assertAccount(counters, 10);
  });
});

describe('the bounds of a queue with a spool', () => {
  test('are those of both: what fits into neither is refused, the rest arrives', async (t) => {
    const transport = transportOf(retry());
    const limits = { spansMax: 10, requestsMax: 1 };
    const spoolLimits = { bytesMax: 5_000, segmentBytesMax: 1_000 };
    const folder = temporaryFolder(t);
    const parts = await openQueue(t, folder, { transport, limits, spoolLimits });
    const { queue, counters } = parts;
    let taken = 0;
    for (let i = 0; i < 100; i++) {
      if (!queue.hasRoom(1, 100)) continue;
      queue.push(numbered(i), 1);
      taken++;
    }
    assert.ok(taken > 40 && taken < 60, `${taken}`);
    assert.ok(counters.get('export.spool_full') > 0);
    transport.answers = [ACCEPTED];
    await until('what was taken arrives', () => counters.get('export.spans') === taken);
    assert.ok(queue.hasRoom(10, 100));
    assertAccount(counters, taken);
  });

  test('drop whole hops of an exporter beyond them, and count every span', async (t) => {
    const counters = new Counters();
    const { spool: disk } = await openSpool(temporaryFolder(t), { bytesMax: 20_000 });
    const spool = SpanSpool.over(disk, counters, () => undefined);
    const queue = { spansMax: 60, requestsMax: 1 };
    const options = { counters, spool, queue, batchSpansMax: 10 };
    const { exporter, transport, queue: own } = createFakeExporter(options);
    t.after(() => exporter.close(0));
    transport.answers = [retry()];
    const hops = Array.from({ length: 200 }, (_, index) => [
      { hop: index + 1 },
      { hop: index + 1, client: true },
    ]);
    exporter.add(...kept(toBatch(hops.flat())));
    await exporter.flush(50);
    const dropped = counters.get('dropped.export_queue');
    assert.ok(dropped > 200 && dropped < 340, `${dropped}`);
    assert.equal(dropped + spool.spans + own.spans, 400);
    assert.equal(dropped % 2, 0);
    transport.answers = [ACCEPTED];
    await until('what was taken arrives', () => counters.get('export.spans') === 400 - dropped);
    assertAccount(counters, 400);
  });

  test('leave what was not spooled to the usual end of patience', async (t) => {
    const transport = transportOf(retry());
    const limits = { retryMs: 50 };
    const options = { transport, limits, spoolLimits: { bytesMax: 10 } };
    const { queue, counters } = await openQueue(t, temporaryFolder(t), options);
    queue.push(numbered(0), 7);
    await until('it is given up', () => counters.get('dropped.export_expired') === 7);
    assertAccount(counters, 7);
  });

  test('at the exit: what finds no room on disk is counted', async (t) => {
    const options = { transport: transportOf(retry()), spoolLimits: { bytesMax: 1_000 } };
    const { queue, counters } = await openQueue(t, temporaryFolder(t), options);
    for (let i = 0; i < 20; i++) queue.push(numbered(i), 5);
    await queue.close();
    assert.ok(counters.get('dropped.at_exit') > 50 && counters.get('dropped.at_exit') < 100);
    assertAccount(counters, 100);
  });

  test('a full disk: what is in memory stays there, nothing throws, all of it arrives', {
    skip: !canMount && 'mounting needs root',
  }, async (t) => {
    const transport = transportOf(retry());
    const folder = join(smallDisk(t, 64 * 1024), 'spool');
    const options = { transport, limits: { spansMax: 5 } };
    const { queue, counters, log } = await openQueue(t, folder, options);
    for (let i = 0; i < 30; i++) queue.push(numbered(i, 4_000), 1);
    await until('the disk is full', () => counters.get('export.spool_failed') > 0);
    assert.match(log.lines.join('\n'), /warn spool .*ENOSPC.*; spans wait in memory only/);
    transport.answers = [ACCEPTED];
    await until('all arrived', () => counters.get('export.spans') === 30);
    assertAccount(counters, 30);
    await queue.close();
  });

  test('a full disk at the exit: what could not be written is counted', {
    skip: !canMount && 'mounting needs root',
  }, async (t) => {
    const folder = join(smallDisk(t, 64 * 1024), 'spool');
    const { queue, counters } = await openQueue(t, folder, { transport: transportOf(retry()) });
    for (let i = 0; i < 30; i++) queue.push(numbered(i, 4_000), 3);
    await queue.close();
    assert.ok(counters.get('dropped.at_exit') > 0);
    assertAccount(counters, 90);
  });
});

describe('a spool that was damaged', () => {
  test('costs the spans that cannot be read back, and they are counted', async (t) => {
    const folder = temporaryFolder(t);
    const first = await openQueue(t, folder, { transport: transportOf(retry()) });
    for (let i = 0; i < 10; i++) first.queue.push(numbered(i), 2);
    await first.queue.close();
    const [segment = ''] = readdirSync(folder);
    const path = join(folder, segment);
    const bytes = readFileSync(path);
    bytes[bytes.length - 200] = 0x21; // inside the last but one
    writeFileSync(path, bytes);
    const { counters, queue } = await openQueue(t, folder);
    await until('the rest arrived', () => counters.get('dropped.spool_damaged') > 0);
    assert.equal(counters.get('export.spans'), 16);
    assert.equal(counters.get('dropped.spool_damaged'), 4);
    assert.ok(counters.get('export.spool_damaged_bytes') > 200);
    assertAccount(counters, 0);
    await queue.close();
  });

  test('is refused when another agent has it, with what to do', async (t) => {
    const folder = temporaryFolder(t);
    const { queue } = await openQueue(t, folder);
    await assert.rejects(openQueue(t, folder), { code: 'spool_in_use' });
    await queue.close();
  });
});

describe('a spool that cannot be used', () => {
  const directory = join(import.meta.filename, 'below-a-file');
  const options = { enabled: true, directory, maxBytes: 1_000_000, fsync: false };

  test('ends the start when it was asked for', async () => {
    const opened = openSpanSpool({ ...options, isRequired: true }, new Counters(), new Lines());
    await assert.rejects(opened, { code: 'spool_unusable' });
  });

  test('is a warning, and counted, when nobody named it', async () => {
    const counters = new Counters();
    const log = new Lines();
    assert.equal(await openSpanSpool({ ...options, isRequired: false }, counters, log), undefined);
    assert.equal(counters.get('export.spool_failed'), 1);
    assert.match(log.lines[0] ?? '', /^warn the spool .* cannot be used.*; spans wait in memory/);
  });

  test('is not looked at when it is switched off', async () => {
    const off = { ...options, enabled: false, isRequired: true };
    assert.equal(await openSpanSpool(off, new Counters(), new Lines()), undefined);
  });
});

test('a spool keeps how a body is encoded', async (t) => {
  const folder = temporaryFolder(t);
  const options = { transport: transportOf(retry()), encoding: 'json' } as const;
  const first = await openQueue(t, folder, options);
  first.queue.push(numbered(0), 1);
  await first.queue.close();
  const { transport } = await sendRest(t, folder);
  assert.equal(transport.sent[0]?.encoding, 'json');
});
