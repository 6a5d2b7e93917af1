/** Any order of appending, insuring, taking, acknowledging, releasing and reopening. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import type { SpoolEntry } from '../../src/spool/entry.ts';
import type { Spool } from '../../src/spool/spool.ts';
import { temporaryFolder } from '../store/temporary.ts';
import { drain, openSpool } from './small-spool.ts';

/** mulberry32: the same numbers for the same seed. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const idOf = (entry: SpoolEntry) => Buffer.from(entry.payload).toString().split(' ')[0] ?? '';

const LIMITS = { segmentBytesMax: 1_000, segmentsMax: 20, bytesMax: 15_000, bufferBytesMax: 4_000 };

async function play(seed: number, folder: string): Promise<void> {
  const random = generator(seed);
  let { spool, noted } = await openSpool(folder, LIMITS);
  const waiting = new Set<string>();
  const out = new Map<string, SpoolEntry>();
  let next = 0;

  const add = (spool: Spool) => {
    const id = `${next++}`;
    const payload = Buffer.from(`${id} ${'x'.repeat(random(400))}`);
    if (random(3) > 0) {
      if (spool.append(payload)) waiting.add(id);
      return;
    }
    const entry = spool.insure(payload);
    if (entry !== undefined) out.set(id, entry);
  };
  const take = async (spool: Spool) => {
    const entry = await spool.take();
    if (entry === undefined) {
      assert.equal(waiting.size, 0, `${[...waiting]} did not come out`);
      return;
    }
    assert.ok(waiting.delete(idOf(entry)), `${idOf(entry)} came out unasked`);
    out.set(idOf(entry), entry);
  };
  const settle = (isDelivered: boolean) => {
    const [id, entry] = [...out][random(Math.max(1, out.size))] ?? [];
    if (id === undefined || entry === undefined) return;
    out.delete(id);
    if (isDelivered) return entry.ack();
    entry.release();
    waiting.add(id);
  };

  for (let step = 0; step < 400; step++) {
    const kind = random(100);
    if (kind < 35) add(spool);
    else if (kind < 60) await take(spool);
    else if (kind < 80) settle(true);
    else if (kind < 90) settle(false);
    else if (kind < 97) await spool.written();
    else {
      const lost = (await spool.close()).length;
      if (lost > 0) return; // no room for the rest of the buffer: counted, and the end of this game
      for (const id of out.keys()) waiting.add(id);
      out.clear();
      ({ spool, noted } = await openSpool(folder, LIMITS));
    }
    assert.ok(spool.bytes <= LIMITS.bytesMax && spool.segments <= LIMITS.segmentsMax);
  }
  for (const entry of out.values()) entry.ack();
  const left = (await drain(spool)).map((text) => text.split(' ')[0] ?? '');
  assert.deepEqual(left.sort(), [...waiting].sort());
  assert.equal(noted.damagedBytes, 0);
  assert.equal(spool.bytes, 0);
  await spool.close();
  assert.deepEqual(readdirSync(folder), []);
}

test('a spool gives back exactly what is not acknowledged, in any order of events', async (t) => {
  const first = randomInt(2 ** 31);
  for (let seed = first; seed < first + 30; seed++) {
    await play(seed, temporaryFolder(t)).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
  }
});
