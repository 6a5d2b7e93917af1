import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { FileStore } from '../../src/store/file-store.ts';
import { openWriter } from '../../src/store/open-writer.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { objectOf, until } from './fake-store.ts';
import { fileOptions, Lines } from './options.ts';
import { canMount, smallDisk, temporaryFolder } from './temporary.ts';

function storeIn(t: TestContext, bytesMax = 1_000_000) {
  const directory = join(temporaryFolder(t), 'objects');
  const accessUrl = 'https://view{{DIGEST}}';
  return {
    directory,
    store: new FileStore({ directory, accessUrl, bytesMax }),
  };
}

describe('the file store', () => {
  test('writes an object below its folder, for this user alone', async (t) => {
    const { store, directory } = storeIn(t);
    assert.deepEqual(await store.put(objectOf('2026/11/21/x.json', 'content')), { kind: 'stored' });
    const path = join(directory, '2026/11/21/x.json');
    assert.equal(readFileSync(path, 'utf8'), 'content');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(join(directory, '2026')).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(join(directory, '2026/11/21')), ['x.json']);
  });

  test('names it by a file URI', (t) => {
    const { store, directory } = storeIn(t);
    assert.equal(store.uriOf('a b/c'), `file://${directory}/a%20b/c`);
    assert.equal(store.urlOf('a b/c', ''), 'https://viewa%20b/c');
  });

  test('leaves a body that is there, overwrites a record', async (t) => {
    const { store } = storeIn(t);
    const body = { ...objectOf('sha256/ff'), isContentAddressed: true };
    assert.deepEqual(await store.put(body), { kind: 'stored' });
    assert.deepEqual(await store.put(body), { kind: 'existed' });
    assert.deepEqual(await store.put(objectOf('r', 'one')), { kind: 'stored' });
    assert.deepEqual(await store.put(objectOf('r', 'two')), { kind: 'stored' });
    assert.equal(store.bytes, 'sha256/ff'.length + 3);
  });

  test('takes no more than its size, and says that it is full', async (t) => {
    const { store } = storeIn(t, 10);
    assert.equal((await store.put(objectOf('a', '12345678'))).kind, 'stored');
    const result = await store.put(objectOf('b', '123'));
    assert.ok(result.kind === 'refused' && result.isFull);
    assert.equal((await store.put(objectOf('c', '12'))).kind, 'stored');
  });

  test('keeps an object for later when something is in its way', async (t) => {
    const { store, directory } = storeIn(t);
    mkdirSync(directory);
    writeFileSync(join(directory, 'day'), 'a file where a folder should be');
    assert.equal((await store.put(objectOf('day/x'))).kind, 'retry');
    assert.equal(store.bytes, 0);
  });

  test('is counted while it is written to, and nothing twice', async (t) => {
    const { store, directory } = storeIn(t);
    mkdirSync(directory);
    for (let i = 0; i < 500; i++) writeFileSync(join(directory, `old-${i}`), 'old');
    const counted = store.takeStock(0);
    for (let i = 0; i < 20; i++) await store.put(objectOf(`new-${i}`, 'newer'));
    await counted;
    assert.equal(store.bytes, 500 * 3 + 20 * 5);
  });

  test('is not counted any further when it is closed', async (t) => {
    const { store, directory } = storeIn(t);
    mkdirSync(directory);
    for (let i = 0; i < 500; i++) writeFileSync(join(directory, `old-${i}`), 'old');
    const counted = store.takeStock();
    await store.close();
    await counted;
    assert.ok(store.bytes < 500 * 3);
  });

  test('refuses a name that no file can have', async (t) => {
    const { store } = storeIn(t);
    assert.equal((await store.put(objectOf('x'.repeat(300)))).kind, 'refused');
  });
});

describe('a writer of files', () => {
  test('counts what earlier processes left against its size', async (t) => {
    const folder = temporaryFolder(t);
    const options = fileOptions(folder, { maxBytes: 100 });
    const open = async () => {
      const counters = new Counters();
      const opened = await openWriter(options, { counters, log: new Lines() });
      return { counters, writer: opened.writer };
    };
    const first = await open();
    first.writer.offer(objectOf('2026/a', 'x'.repeat(60)));
    await first.writer.close(5_000);
    const second = await open();
    second.writer.offer(objectOf('2026/b', 'x'.repeat(60)));
    await second.writer.close(5_000);
    assert.equal(second.counters.get('dropped.store_disk'), 1);
  });

  test('deletes halves of objects that a killed process left', async (t) => {
    const options = fileOptions(temporaryFolder(t));
    const day = join(options.directory, '2026');
    mkdirSync(day, { recursive: true });
    const halves = ['.4194305-0.new', `.${process.ppid}-0.new`]; // beyond pid_max; alive
    for (const name of [...halves, 'object']) writeFileSync(join(day, name), 'x');
    const context = { counters: new Counters(), log: new Lines() };
    const { writer } = await openWriter(options, context);
    await until('they are deleted', () => readdirSync(day).length < 3);
    assert.deepEqual(readdirSync(day).sort(), [halves[1], 'object']);
    await writer.close(0);
  });

  test('says what is wrong with its folder', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'objects'), '');
    const context = { counters: new Counters(), log: new Lines() };
    await assert.rejects(openWriter(fileOptions(folder), context), { code: 'store_directory' });
  });

  test('on a full disk keeps what fits into memory until there is room', {
    skip: !canMount && 'mounting needs root',
  }, async (t) => {
    const disk = smallDisk(t, 64 * 1024);
    const counters = new Counters();
    const log = new Lines();
    const options = fileOptions(disk, {
      sendingQueue: { queueBytes: 100_000, numConsumers: 4 },
    });
    writeFileSync(join(disk, 'in the way'), Buffer.alloc(40 * 1024));
    const { writer } = await openWriter(options, { counters, log });
    for (let i = 0; i < 10; i++) assert.ok(writer.offer(objectOf(`x${i}`, 'x'.repeat(4_000))));
    await until('the disk is full', () => counters.get('store.retries') > 2);
    assert.match(log.lines[0] ?? '', /ENOSPC/);
    writeFileSync(join(disk, 'in the way'), '');
    await writer.flush(10_000);
    assert.equal(counters.get('store.objects'), 10);
    assert.equal(readdirSync(join(disk, 'objects')).length, 10);
    await writer.close(0);
  });
});
