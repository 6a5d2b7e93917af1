import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Codec, CodedSpool } from '../../src/spool/coded-spool.ts';
import { Outbox, type OutboxLimits, type Parcel } from '../../src/spool/outbox.ts';
import type { SpoolLimits } from '../../src/spool/spool.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { until } from '../store/fake-store.ts';
import { temporaryFolder } from '../store/temporary.ts';
import { openSpool } from './small-spool.ts';

const TEXTS: Codec<string> = {
  weigh: (text) => ({ units: 1, bytes: text.length }),
  encode: (text) => Buffer.from(text),
  decode: (record) => {
    const text = Buffer.from(record).toString();
    return text === 'strange' ? undefined : text;
  },
};
const NAMES = {
  kept: 'store.spooled',
  full: 'store.spool_full',
  damagedBytes: 'store.spool_damaged_bytes',
} as const;
const LIMITS: OutboxLimits = { unitsMax: 10, bytesMax: 1_000, spoolDelayMs: 60_000 };

async function openOutbox(
  t: TestContext,
  limits: Partial<OutboxLimits> = {},
  folder = temporaryFolder(t),
  spoolLimits: Partial<SpoolLimits> = {},
) {
  const { spool } = await openSpool(folder, spoolLimits);
  t.after(() => spool.close());
  const counters = new Counters();
  const released: string[] = [];
  const outbox = new Outbox<string>({
    limits: { ...LIMITS, ...limits },
    weigh: TEXTS.weigh,
    spool: new CodedSpool(spool, TEXTS, counters, NAMES),
    onMore: () => undefined,
    release: (text) => released.push(text),
  });
  t.after(() => outbox.close());
  const take = () =>
    new Promise<Parcel<string> | undefined>((resolve) => {
      if (!outbox.take(resolve)) resolve(undefined);
    });
  return { outbox, spool, counters, released, take, folder };
}

describe('an outbox', () => {
  test('has room as long as units and bytes do, and what is done makes room', async (t) => {
    const { outbox, take } = await openOutbox(t, { unitsMax: 2, bytesMax: 10 }, undefined, {
      bytesMax: 0,
    });
    outbox.push('aaaa');
    assert.ok(outbox.hasRoom(1, 6));
    assert.ok(!outbox.hasRoom(1, 7));
    assert.ok(!outbox.hasRoom(2, 1));
    const parcel = await take();
    assert(parcel);
    assert.deepEqual([outbox.units, outbox.bytes], [1, 4]);
    outbox.done(parcel);
    assert.ok(outbox.hasRoom(2, 10));
    assert.ok(outbox.isEmpty);
  });

  test('moves to disk what does not fit, under way or not, and takes it from there', async (t) => {
    const { outbox, counters, released, take } = await openOutbox(t, { unitsMax: 2 });
    outbox.push('under way');
    const first = await take();
    outbox.push('waiting');
    assert.ok(outbox.hasRoom(1, 1));
    assert.equal(outbox.units, 0);
    assert.equal(counters.get('store.spooled'), 2);
    assert.deepEqual(released, ['waiting']);
    assert.equal((await take())?.value, 'waiting');
    assert(first);
    outbox.putBack(first);
    assert.equal((await take())?.value, 'under way');
    assert.equal(await take(), undefined);
  });

  test('puts on disk what is older than the delay, and nothing that was done before', async (t) => {
    const { outbox, counters, take } = await openOutbox(t, { spoolDelayMs: 20 });
    outbox.push('quick');
    const quick = await take();
    assert(quick);
    outbox.done(quick);
    outbox.push('slow');
    await until('it is on disk', () => outbox.units === 0);
    assert.equal(counters.get('store.spooled'), 1);
  });

  test('takes by turns from memory and disk', async (t) => {
    const { outbox, take } = await openOutbox(t);
    for (const text of ['old 1', 'old 2']) outbox.push(text);
    for (const _ of [1, 2]) {
      const parcel = await take();
      assert(parcel);
      assert.ok(outbox.keep(parcel));
    }
    for (const text of ['new 1', 'new 2']) outbox.push(text);
    const order = [];
    for (let i = 0; i < 4; i++) order.push((await take())?.value.slice(0, 3));
    assert.deepEqual(order.toSorted(), ['new', 'new', 'old', 'old']);
    assert.notEqual(order[0], order[1]);
    assert.notEqual(order[2], order[3]);
  });

  test('takes what failed before what waits', async (t) => {
    const { outbox, take } = await openOutbox(t, {}, undefined, { bytesMax: 0 });
    for (const text of ['a', 'b', 'c']) outbox.push(text);
    const first = await take();
    assert(first);
    assert.ok(!outbox.keep(first), 'no room on disk');
    outbox.putBack(first);
    assert.deepEqual([(await take())?.value, (await take())?.value], ['a', 'b']);
  });

  test('leaves everything to the next process, and says what has no place on disk', async (t) => {
    const first = await openOutbox(t);
    first.outbox.push('under way');
    await first.take();
    first.outbox.push('waiting');
    assert.deepEqual(first.outbox.close(), []);
    assert.equal(first.outbox.units, 0);
    await first.spool.close();
    const next = await openOutbox(t, {}, first.folder);
    const values = [(await next.take())?.value, (await next.take())?.value];
    assert.deepEqual(values.toSorted(), ['under way', 'waiting']);

    const without = await openOutbox(t, {}, undefined, { bytesMax: 0 });
    without.outbox.push('under way');
    await without.take();
    without.outbox.push('waiting');
    assert.deepEqual(
      without.outbox.close().map(({ value }) => value),
      ['waiting'],
    );
    assert.equal(without.outbox.units, 2);
  });

  test('counts what is not its own and goes on behind it', async (t) => {
    const { spool, counters, take } = await openOutbox(t);
    for (const text of ['strange', 'known']) spool.append(Buffer.from(text));
    assert.equal((await take())?.value, 'known');
    assert.equal(counters.get('store.spool_damaged_bytes'), 'strange'.length);
  });
});
