import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { canMount, smallDisk, temporaryFolder } from '../store/temporary.ts';
import { drain, openSpool, text } from './small-spool.ts';

const bytes = (value: string) => Buffer.from(value);
const numbers = (count: number) => Array.from({ length: count }, (_, index) => `record ${index}`);
const segmentsOf = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.seg'));

describe('a spool', () => {
  test('gives back what it was given, in order, and is empty then', async (t) => {
    const folder = temporaryFolder(t);
    const { spool } = await openSpool(folder);
    for (const value of numbers(1000)) assert.ok(spool.append(bytes(value)));
    await spool.written();
    assert.deepEqual(await drain(spool), numbers(1000));
    assert.equal(spool.hasWaiting, false);
    assert.deepEqual(await spool.close(), []);
    assert.deepEqual(segmentsOf(folder), []);
  });

  test('gives back what is not written yet, too', async (t) => {
    const { spool } = await openSpool(temporaryFolder(t));
    spool.append(bytes('young'));
    assert.equal(text(await spool.take()), 'young');
    await spool.close();
  });

  test('keeps records of any size, the empty one and one larger than a segment', async (t) => {
    const folder = temporaryFolder(t);
    const { spool } = await openSpool(folder);
    const values = ['', 'x'.repeat(100_000), 'y'];
    for (const value of values) assert.ok(spool.append(bytes(value)));
    await spool.close();
    const again = await openSpool(folder);
    assert.deepEqual(await drain(again.spool), values);
    await again.spool.close();
  });

  test('keeps what was not acknowledged over a restart, and only that', async (t) => {
    const folder = temporaryFolder(t);
    const first = await openSpool(folder);
    for (const value of numbers(10)) first.spool.append(bytes(value));
    await first.spool.written();
    const entries = [];
    for (let i = 0; i < 6; i++) entries.push(await first.spool.take());
    for (const index of [0, 2, 5]) entries[index]?.ack(); // out of order
    entries[1]?.release();
    await first.spool.close();
    const second = await openSpool(folder);
    assert.deepEqual(
      await drain(second.spool),
      [1, 3, 4, 6, 7, 8, 9].map((index) => `record ${index}`),
    );
    assert.equal(second.noted.damagedBytes, 0);
    await second.spool.close();
  });

  test('gives a released record again, and no other twice', async (t) => {
    const { spool } = await openSpool(temporaryFolder(t));
    for (const value of ['a', 'b', 'c']) spool.append(bytes(value));
    await spool.written();
    const first = await spool.take();
    const second = await spool.take();
    first?.release();
    second?.ack();
    second?.release(); // too late, and without effect
    assert.deepEqual(await drain(spool), ['a', 'c']);
    await spool.close();
  });

  test('keeps an insured record for a restart, and gives it to nobody before', async (t) => {
    const folder = temporaryFolder(t);
    const first = await openSpool(folder);
    first.spool.insure(bytes('under way'));
    const delivered = first.spool.insure(bytes('delivered'));
    await first.spool.written();
    delivered?.ack();
    first.spool.append(bytes('waiting'));
    assert.equal(text(await first.spool.take()), 'waiting');
    assert.equal(await first.spool.take(), undefined);
    await first.spool.close();
    const second = await openSpool(folder);
    assert.deepEqual(await drain(second.spool), ['under way', 'waiting']);
    await second.spool.close();
  });

  test('frees the disk when insured records are delivered', async (t) => {
    const folder = temporaryFolder(t);
    const { spool } = await openSpool(folder);
    const entries = numbers(100).map((value) => spool.insure(bytes(value)));
    await spool.written();
    assert.equal(segmentsOf(folder).length, 1);
    for (const entry of entries) entry?.ack();
    await spool.written();
    assert.deepEqual(segmentsOf(folder), []);
    assert.equal(spool.bytes, 0);
    await spool.close();
  });

  test('never writes what was acknowledged in time', async (t) => {
    const folder = temporaryFolder(t);
    const { spool } = await openSpool(folder);
    spool.insure(bytes('quick'))?.ack();
    await spool.written();
    assert.deepEqual(segmentsOf(folder), []);
    assert.equal(spool.bytes, 0);
    await spool.close();
  });

  test('is for its user only', async (t) => {
    const folder = join(temporaryFolder(t), 'deep', 'spool');
    const { spool } = await openSpool(folder);
    spool.append(bytes('secret'));
    await spool.written();
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    const [segment = ''] = segmentsOf(folder);
    assert.equal(statSync(join(folder, segment)).mode & 0o777, 0o600);
    await spool.close();
  });

  test('belongs to one process at a time, and to the next when that ends', async (t) => {
    const folder = temporaryFolder(t);
    const { spool } = await openSpool(folder);
    await assert.rejects(openSpool(folder), { code: 'spool_in_use' });
    await spool.close();
    const next = await openSpool(folder);
    await next.spool.close();
  });

  test('says what is wrong with its folder', async (t) => {
    const file = join(temporaryFolder(t), 'file');
    writeFileSync(file, '');
    await assert.rejects(openSpool(file), { code: 'spool_unusable' });
  });

  test('says so when it cannot read its folder, and does not keep it from the next', async (t) => {
    const folder = temporaryFolder(t);
    const strange = join(folder, '000000000001.seg');
    mkdirSync(strange);
    await assert.rejects(openSpool(folder), { code: 'spool_unusable' });
    rmdirSync(strange);
    const { spool } = await openSpool(folder);
    await spool.close();
  });
});

describe('the bounds of a spool', () => {
  test('bytes: refuses what does not fit, takes again when there is room', async (t) => {
    const { spool } = await openSpool(temporaryFolder(t), { bytesMax: 50_000 });
    const record = bytes('x'.repeat(10_000));
    const taken = [];
    while (spool.append(record)) taken.push(spool.bytes);
    assert.equal(taken.length, 4);
    await spool.written();
    assert.ok(spool.bytes <= 50_000);
    (await spool.take())?.ack();
    await spool.written();
    assert.ok(spool.append(record));
    await spool.close();
  });

  test('files: has no more than it may, and goes on when one is gone', async (t) => {
    const folder = temporaryFolder(t);
    const limits = { segmentsMax: 3, segmentBytesMax: 5_000, bufferBytesMax: 20_000 };
    const { spool } = await openSpool(folder, limits);
    const record = bytes('x'.repeat(4_000));
    let kept = 0;
    for (; spool.append(record); kept++) await spool.written();
    assert.equal(segmentsOf(folder).length, 3);
    assert.equal(kept, 3 + 4); // three files, and the buffer
    (await spool.take())?.ack();
    await spool.written();
    assert.equal(segmentsOf(folder).length, 3);
    assert.ok(spool.append(record));
    assert.equal((await drain(spool)).length, kept);
    await spool.close();
  });

  test('memory: refuses when the disk does not keep up', async (t) => {
    const { spool } = await openSpool(temporaryFolder(t), { bufferBytesMax: 1_000 });
    let kept = 0;
    while (spool.append(bytes('x'.repeat(88)))) kept++;
    assert.equal(kept, 10);
    await spool.written();
    assert.ok(spool.append(bytes('later')));
    await spool.close();
  });

  test('one record: refuses a larger one', async (t) => {
    const { spool } = await openSpool(temporaryFolder(t), { recordBytesMax: 100 });
    assert.equal(spool.append(Buffer.alloc(101)), false);
    assert.equal(spool.append(Buffer.alloc(100)), true);
    await spool.close();
  });
});

describe('a damaged spool', () => {
  async function written(folder: string, count = 5): Promise<string> {
    const { spool } = await openSpool(folder);
    for (const value of numbers(count)) spool.append(bytes(value));
    await spool.close();
    return join(folder, segmentsOf(folder)[0] ?? '');
  }

  test('loses the torn end, cut at any byte, and nothing before it', async (t) => {
    const folder = temporaryFolder(t);
    const recordBytes = 12 + 'record 0'.length;
    for (let cut = 1; cut <= recordBytes; cut++) {
      const path = await written(folder);
      truncateSync(path, statSync(path).size - cut);
      const { spool, noted } = await openSpool(folder);
      assert.deepEqual(await drain(spool), numbers(4), `cut ${cut}`);
      assert.equal(noted.damagedBytes, recordBytes - cut);
      await spool.close();
      assert.deepEqual(segmentsOf(folder), []);
    }
  });

  test('gives no record that was changed on disk', async (t) => {
    const folder = temporaryFolder(t);
    const path = await written(folder);
    const content = readFileSync(path);
    content[content.length - 25] = 0x21; // inside the payload of the last but one
    writeFileSync(path, content);
    const { spool, noted } = await openSpool(folder);
    assert.deepEqual(await drain(spool), numbers(3));
    assert.equal(noted.damagedBytes, 40);
    await spool.close();
  });

  test('is not led astray by a length beyond the file', async (t) => {
    const folder = temporaryFolder(t);
    const path = await written(folder);
    appendFileSync(path, Buffer.from('Wrec\xff\xff\xff\x7f1234', 'latin1'));
    const { spool, noted } = await openSpool(folder);
    assert.deepEqual(await drain(spool), numbers(5));
    assert.equal(noted.damagedBytes, 12);
    await spool.close();
  });

  test('puts aside what is not a segment, forgets one whose creation was cut', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, '000000000001.seg'), 'this was written by another program');
    writeFileSync(join(folder, '000000000002.seg'), 'spantap');
    const { spool, noted } = await openSpool(folder);
    assert.equal(await spool.take(), undefined);
    assert.deepEqual(readdirSync(folder), ['000000000001.seg.damaged']);
    assert.equal(noted.damagedBytes, 35 + 7);
    spool.append(bytes('new'));
    await spool.written();
    assert.deepEqual(segmentsOf(folder), ['000000000003.seg']);
    await spool.close();
  });
});

test('a spool on a full disk keeps what it has, gives it out, and goes on when there is room', {
  skip: !canMount && 'mounting needs root',
}, async (t) => {
  const disk = smallDisk(t, 64 * 1024);
  const { spool, noted } = await openSpool(join(disk, 'spool'), { bufferBytesMax: 20_000 });
  const values = Array.from({ length: 100 }, (_, index) => `${index} ${'x'.repeat(4_000)}`);
  let kept = 0;
  for (const value of values) {
    if (!spool.append(bytes(value))) break;
    kept++;
    await spool.written();
  }
  assert.ok(kept > 10 && kept < 30, `${kept}`);
  assert.equal(noted.failures.length, 1);
  assert.match(noted.failures[0] ?? '', /ENOSPC/);
  assert.deepEqual(await drain(spool), values.slice(0, kept));
  assert.ok(spool.append(bytes('more')));
  await noted.recovery;
  await spool.written();
  assert.deepEqual(await drain(spool), ['more']);
  await spool.close();
});
