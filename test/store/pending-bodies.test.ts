import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { limits } from '../../src/config/limits.ts';
import { PendingBodies, type PendingLimits } from '../../src/store/pending-bodies.ts';
import type { PendingBody } from '../../src/store/pending-body.ts';
import { BLOCK_BYTES } from '../../src/store/pending-memory.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { canMount, smallDisk, temporaryFolder } from './temporary.ts';

const MIB = 1024 * 1024;
const LIMITS: PendingLimits = { memoryBytesMax: MIB, diskBytesMax: 4 * MIB, filesMax: 100 };

function inMemory(bounds: Partial<PendingLimits> = {}) {
  const counters = new Counters();
  return { counters, bodies: new PendingBodies({ ...LIMITS, ...bounds }, counters) };
}

async function withFolder(t: TestContext, bounds: Partial<PendingLimits> = {}, at?: string) {
  const folder = at ?? temporaryFolder(t);
  const { bodies, counters } = inMemory(bounds);
  await bodies.useFolder(folder);
  t.after(() => bodies.close());
  return { folder, counters, bodies };
}

/** Bytes in a buffer that is used for something else afterwards, as the capture stage does. */
function add(body: PendingBody, text: string | Buffer): void {
  const bytes = Buffer.concat([Buffer.from('before'), Buffer.from(text), Buffer.from('behind')]);
  body.add(bytes, 6, bytes.length - 12, 0);
  bytes.fill(0);
}

function start(bodies: PendingBodies, ...parts: (string | Buffer)[]): PendingBody {
  const body = bodies.start(16 * MIB, -1);
  for (const part of parts) add(body, part);
  return body;
}

const sha = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function digestOf({ digest }: PendingBody): string | null {
  return digest && Buffer.from(digest).toString('hex');
}

async function read(bodies: PendingBodies, body: PendingBody): Promise<Buffer> {
  return Buffer.from(await bodies.read(body.hold()));
}

/** Letters that tell places apart. */
function letters(lenBytes: number): Buffer {
  return Buffer.from(Array.from({ length: lenBytes }, (_, at) => 97 + (((at * 31) >> 3) % 26)));
}

describe('a pending body', () => {
  test('is given whole when it is wanted, and held no longer', async () => {
    const { bodies } = inMemory();
    const body = start(bodies, 'hello ', 'world');
    assert.equal(bodies.memoryBytes, BLOCK_BYTES);
    const number = body.hold();
    assert.equal(bodies.held, 1);
    assert.equal(Buffer.from(await bodies.read(number)).toString(), 'hello world');
    assert.deepEqual([bodies.held, bodies.memoryBytes, body.isTruncated], [0, 0, false]);
    assert.equal((await bodies.read(number)).length, 0, 'it is read once');
  });

  test('goes over the ends of blocks and slabs', async () => {
    const { bodies } = inMemory({ memoryBytesMax: 8 * MIB });
    const whole = letters(3 * MIB + 17);
    const body = start(bodies);
    for (let at = 0; at < whole.length; at += 16_383) add(body, whole.subarray(at, at + 16_383));
    assert.ok((await read(bodies, body)).equals(whole));
  });

  test('is forgotten when it is not wanted, once', () => {
    const { bodies, counters } = inMemory();
    const body = start(bodies, 'x');
    const number = body.hold();
    bodies.discard(number);
    bodies.discard(number);
    body.discard();
    assert.deepEqual([bodies.held, bodies.memoryBytes], [0, 0]);
    assert.equal(counters.get('store.pending_discarded'), 1);
  });

  test('may be given up while its bytes come', () => {
    const { bodies } = inMemory();
    const body = start(bodies, 'x');
    body.discard();
    add(body, 'more');
    body.finish();
    assert.deepEqual([body.keptBytes, bodies.memoryBytes], [0, 0]);
  });

  test('keeps its head beyond the limit of one body', () => {
    const { bodies } = inMemory();
    const body = bodies.start(8, -1);
    for (const part of ['12345', '67890', 'abc']) add(body, part);
    body.finish();
    assert.deepEqual([body.keptBytes, body.isTruncated, digestOf(body)], [8, true, null]);
  });

  test('that is cut at the limit has the digest of the whole where all of it may be seen', () => {
    const { bodies } = inMemory();
    const [seen, unseen] = [bodies.start(8, 13), bodies.start(8, 9 + limits.headBytesMax)];
    for (const part of ['12345', '67890', 'abc']) add(seen, part);
    add(unseen, '1234567890');
    for (const body of [seen, unseen]) body.finish();
    assert.deepEqual([digestOf(seen), digestOf(unseen)], [sha('1234567890abc'), null]);
  });

  for (const [name, hole] of [
    ['were not copied', (body: PendingBody) => body.add(Buffer.alloc(0), 0, 0, 100)],
    ['were lost', (body: PendingBody) => body.cut()],
  ] as const) {
    test(`has no digest when bytes ${name}, and keeps what came before them`, () => {
      const { bodies } = inMemory();
      const body = start(bodies, letters(limits.inlineBodyBytesMax), 'seen');
      hole(body);
      add(body, 'after');
      body.finish();
      assert.equal(body.keptBytes, limits.inlineBodyBytesMax + 4);
      assert.equal(digestOf(body), null);
    });
  }

  test('that never ended has no digest', () => {
    const { bodies } = inMemory();
    const whole = letters(limits.inlineBodyBytesMax + 1);
    const body = start(bodies, whole);
    assert.deepEqual([body.isInline, digestOf(body)], [false, null]);
    body.finish();
    assert.equal(digestOf(body), sha(whole));
  });
});

describe('the bounds of pending bodies', () => {
  test('memory: what does not fit goes into a file of this user alone, and comes back', async (t) => {
    const { bodies, folder, counters } = await withFolder(t);
    const whole = letters(MIB);
    const body = start(bodies);
    for (let at = 0; at < whole.length; at += 16_384) add(body, whole.subarray(at, at + 16_384));
    body.finish();
    assert.equal(counters.get('store.pending_to_disk'), 1);
    assert.equal(bodies.files, 1);
    assert.equal(digestOf(body), sha(whole));
    const number = body.hold();
    while (bodies.memoryBytes > 0.75 * MIB) await new Promise((resolve) => setImmediate(resolve));
    for (const name of readdirSync(folder)) {
      assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
      const written = readFileSync(join(folder, name));
      assert.ok(written.length === 0 || !whole.includes(written.subarray(0, 64)), 'enciphered');
    }
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.ok(Buffer.from(await bodies.read(number)).equals(whole));
    while (bodies.files > 0) await new Promise((resolve) => setImmediate(resolve));
    const left = [readdirSync(folder), bodies.memoryBytes, bodies.diskBytes, bodies.held];
    assert.deepEqual(left, [[], 0, 0, 0]);
    assert.equal(counters.get('truncated.store_pending'), 0);
  });

  test('memory: without a folder what does not fit is cut, marked and counted', async () => {
    const { bodies, counters } = inMemory();
    const body = start(bodies);
    for (let part = 0; part < 100; part++) add(body, letters(16_384));
    body.finish();
    assert.deepEqual([body.isTruncated, body.keptBytes], [true, 0.75 * MIB]);
    assert.equal(digestOf(body), sha(Buffer.concat(Array(100).fill(letters(16_384)))));
    assert.equal(counters.get('truncated.store_pending'), 1);
  });

  test('memory: a thousand open exchanges hold no more than it, and files give it back', async (t) => {
    const memoryBytesMax = 4 * MIB;
    const bounds = { memoryBytesMax, diskBytesMax: 1024 * MIB, filesMax: 2000 };
    const { bodies, folder } = await withFolder(t, bounds);
    const open = Array.from({ length: 1000 }, () => start(bodies));
    const sent = open.map(() => 0);
    const part = letters(4096);
    let most = 0;
    for (let round = 0; round < 8; round++) {
      for (const [index, body] of open.entries()) {
        add(body, part);
        if (!body.isTruncated) sent[index] += 4096;
        most = Math.max(most, bodies.memoryBytes);
        if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    assert.ok(most <= memoryBytesMax && most > memoryBytesMax / 2);
    assert.ok(bodies.memory.allocatedBytes <= memoryBytesMax);
    const whole = Buffer.concat(Array(8).fill(part));
    for (const [index, body] of open.entries()) {
      body.finish();
      const bytes = await read(bodies, body);
      assert.ok(bytes.length >= sent[index] || bytes.length === body.keptBytes);
      assert.equal(bytes.compare(whole, 0, bytes.length), 0);
    }
    while (bodies.files > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([bodies.memoryBytes, bodies.diskBytes, readdirSync(folder)], [0, 0, []]);
  });

  test('disk: what does not fit there either is cut, marked and counted', async (t) => {
    const bounds = { memoryBytesMax: 256 * 1024, diskBytesMax: 10 * 1024 };
    const { bodies, counters } = await withFolder(t, bounds);
    const memory = start(bodies, letters(192 * 1024));
    const body = start(bodies, letters(6_000), letters(4_000), letters(1_000), letters(500));
    body.finish();
    assert.deepEqual([body.keptBytes, body.isTruncated], [10_000, true]);
    const parts = [6_000, 4_000, 1_000, 500].map(letters);
    assert.equal(digestOf(body), sha(Buffer.concat(parts)));
    assert.ok((await read(bodies, body)).equals(Buffer.concat(parts.slice(0, 2))));
    assert.equal(counters.get('truncated.store_pending'), 1);
    memory.discard();
  });

  test('files: no more than so many', async (t) => {
    const { bodies, counters } = await withFolder(t, { memoryBytesMax: 128 * 1024, filesMax: 2 });
    const memory = start(bodies, letters(96 * 1024));
    const all = ['a', 'b', 'c'].map((text) => start(bodies, text));
    assert.deepEqual(
      all.map(({ isTruncated, keptBytes }) => [isTruncated, keptBytes]),
      [
        [false, 1],
        [false, 1],
        [true, 0],
      ],
    );
    assert.equal(bodies.files, 2);
    for (const body of [...all, memory]) body.discard();
    while (bodies.files > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(counters.get('truncated.store_pending'), 1);
  });

  test('a disk that does not keep up: what waits for it is bounded', async (t) => {
    const { bodies, counters } = await withFolder(t, { memoryBytesMax: 256 * 1024 });
    const memory = start(bodies, letters(192 * 1024));
    // Nothing is written while this thread does not wait.
    const body = start(bodies);
    for (let part = 0; part < 6; part++) add(body, letters(16_384));
    assert.deepEqual([body.keptBytes, body.isTruncated], [64 * 1024, true]);
    assert.equal(bodies.memoryBytes, 256 * 1024);
    assert.equal((await read(bodies, body)).length, 64 * 1024);
    assert.equal(counters.get('truncated.store_pending'), 1);
    memory.discard();
  });

  test('a full disk: the body ends where the disk was full, and what is missing is counted', {
    skip: !canMount && 'mounting needs root',
  }, async (t) => {
    const disk = smallDisk(t, 16 * 1024);
    const bounds = { memoryBytesMax: 512 * 1024 };
    const { bodies, counters } = await withFolder(t, bounds, join(disk, 'pending'));
    const memory = start(bodies, letters(384 * 1024));
    const body = start(bodies, ...Array.from({ length: 4 }, () => letters(16_384)));
    const bytes = await read(bodies, body);
    assert.ok(bytes.length < 20_000 && bytes.length < body.keptBytes);
    assert.equal(counters.get('truncated.store_pending'), 1);
    memory.discard();
  });
});

describe('the folder of pending bodies', () => {
  test('bodies that an earlier process left are deleted: nobody can decide them', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, '7.body'), 'secret');
    const { counters } = await withFolder(t, {}, folder);
    assert.deepEqual(readdirSync(folder), []);
    assert.equal(counters.get('store.pending_orphans'), 1);
  });

  test('belongs to one process at a time: the files of another are no orphans', async (t) => {
    const folder = temporaryFolder(t);
    await withFolder(t, {}, folder);
    writeFileSync(join(folder, '0.body'), 'of the other process');
    await assert.rejects(withFolder(t, {}, folder), /used by another process/);
    assert.deepEqual(readdirSync(folder), ['0.body']);
  });

  test('is empty when the agent ends, whatever was not decided', async (t) => {
    const { bodies, folder } = await withFolder(t, { memoryBytesMax: 128 * 1024 });
    const memory = start(bodies, letters(96 * 1024));
    start(bodies, 'held').hold();
    start(bodies, 'read, and not waited for').hold();
    memory.discard();
    await bodies.close();
    assert.deepEqual([readdirSync(folder), bodies.held, bodies.diskBytes], [[], 0, 0]);
  });
});

test('a folder that cannot be cleared is said to be unusable, and the next may have it', async (t) => {
  const folder = temporaryFolder(t);
  const strange = join(folder, 'strange.body');
  mkdirSync(strange);
  await assert.rejects(withFolder(t, {}, folder), { code: 'spool_unusable' });
  rmdirSync(strange);
  await withFolder(t, {}, folder);
});
