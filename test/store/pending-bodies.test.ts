import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { PendingBodies, type PendingLimits } from '../../src/store/pending-bodies.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { canMount, smallDisk, temporaryFolder } from './temporary.ts';

const LIMITS: PendingLimits = {
  bodyBytesMax: 1_000,
  memoryBytesMax: 10_000,
  diskBytesMax: 100_000,
  filesMax: 100,
};

async function setUp(t: TestContext, limits: Partial<PendingLimits> = {}, at?: string) {
  const folder = at ?? temporaryFolder(t);
  const counters = new Counters();
  const bodies = await PendingBodies.open(folder, { ...LIMITS, ...limits }, counters);
  return { folder, counters, bodies };
}

const sha = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe('a pending body', () => {
  test('is given whole when it is wanted, and held no longer', async (t) => {
    const { bodies, folder } = await setUp(t);
    const body = bodies.start();
    body.append(Buffer.from('hello '));
    body.append(Buffer.from('world'));
    assert.equal(bodies.memoryBytes, 11);
    const read = await body.read();
    assert.deepEqual(
      [textOf(read.bytes), read.lenBytes, read.isTruncated],
      ['hello world', 11, false],
    );
    assert.equal(bodies.memoryBytes, 0);
    assert.deepEqual(readdirSync(folder), []);
  });

  test('is forgotten when it is not wanted', async (t) => {
    const { bodies, counters } = await setUp(t);
    const body = bodies.start();
    body.append(Buffer.from('x'));
    body.discard();
    assert.equal(bodies.memoryBytes, 0);
    assert.equal(counters.get('store.pending_discarded'), 1);
  });

  test('keeps its head beyond the limit of one body, knows length and both digests', async (t) => {
    const { bodies } = await setUp(t, { bodyBytesMax: 8 });
    const body = bodies.start();
    for (const part of ['12345', '67890', 'abc']) body.append(Buffer.from(part));
    const read = await body.read();
    assert.deepEqual([textOf(read.bytes), read.lenBytes, read.isTruncated], ['12345678', 13, true]);
    assert.equal(read.sha256, sha('12345678'));
    assert.equal(read.wholeSha256, sha('1234567890abc'));
  });

  test('has no digest of the whole when bytes were not seen', async (t) => {
    const { bodies } = await setUp(t);
    const body = bodies.start();
    body.append(Buffer.from('seen'));
    body.skip(100);
    body.append(Buffer.from('after'));
    const read = await body.read();
    assert.deepEqual([textOf(read.bytes), read.lenBytes, read.isTruncated], ['seen', 109, true]);
    assert.equal(read.sha256, sha('seen'));
    assert.equal(read.wholeSha256, undefined);
  });
});

describe('the bounds of pending bodies', () => {
  test('memory: what does not fit goes into a file of this user alone, and comes back', async (t) => {
    const { bodies, folder, counters } = await setUp(t, { memoryBytesMax: 10 });
    const body = bodies.start();
    for (const part of ['12345', '67890', 'abc', 'def']) body.append(Buffer.from(part));
    assert.deepEqual([bodies.memoryBytes, bodies.diskBytes, bodies.files], [10, 6, 1]);
    assert.equal(counters.get('store.pending_to_disk'), 1);
    const other = bodies.start();
    other.append(Buffer.from('other'));
    const read = await body.read();
    assert.equal(textOf(read.bytes), '1234567890abcdef');
    assert.equal(read.isTruncated, false);
    assert.equal(read.wholeSha256, sha('1234567890abcdef'));
    assert.equal(textOf((await other.read()).bytes), 'other');
    const names = () => readdirSync(folder);
    for (const name of names()) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
    while (bodies.files > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([names(), bodies.memoryBytes, bodies.diskBytes], [[], 0, 0]);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
  });

  test('disk: what does not fit there either is cut, marked and counted', async (t) => {
    const { bodies, counters } = await setUp(t, { memoryBytesMax: 5, diskBytesMax: 7 });
    const body = bodies.start();
    for (const part of ['12345', '67890', 'abc', 'd']) body.append(Buffer.from(part));
    const read = await body.read();
    assert.deepEqual(
      [textOf(read.bytes), read.lenBytes, read.isTruncated],
      ['1234567890', 14, true],
    );
    assert.equal(read.sha256, sha('1234567890'));
    assert.equal(read.wholeSha256, sha('1234567890abcd'));
    assert.equal(counters.get('truncated.store_pending'), 1);
  });

  test('files: no more than so many', async (t) => {
    const { bodies, counters } = await setUp(t, { memoryBytesMax: 0, filesMax: 2 });
    const all = ['a', 'b', 'c'].map((text) => {
      const body = bodies.start();
      body.append(Buffer.from(text));
      return body;
    });
    const read = await Promise.all(all.map((body) => body.read()));
    assert.deepEqual(
      read.map(({ bytes }) => textOf(bytes)),
      ['a', 'b', ''],
    );
    assert.deepEqual(
      read.map(({ isTruncated }) => isTruncated),
      [false, false, true],
    );
    assert.equal(counters.get('truncated.store_pending'), 1);
  });

  test('a full disk: the body is cut where the disk was full, marked and counted', {
    skip: !canMount && 'mounting needs root',
  }, async (t) => {
    const disk = smallDisk(t, 16 * 1024);
    const limits = { memoryBytesMax: 0, bodyBytesMax: 1_000_000 };
    const { bodies, counters } = await setUp(t, limits, join(disk, 'pending'));
    const body = bodies.start();
    body.append(Buffer.alloc(4_096, 'a'));
    body.append(Buffer.alloc(60_000, 'b'));
    const read = await body.read();
    assert.ok(read.bytes.length < 20_000 && read.isTruncated);
    assert.equal(read.lenBytes, 64_096);
    assert.equal(counters.get('truncated.store_pending'), 1);
    assert.equal(read.sha256, undefined);
  });
});

test('bodies that an earlier process left are deleted: nobody can decide them', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, '7.body'), 'secret');
  const { counters } = await setUp(t, {}, folder);
  assert.deepEqual(readdirSync(folder), []);
  assert.equal(counters.get('store.pending_orphans'), 1);
});
