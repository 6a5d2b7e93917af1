import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { openObjectStage } from '../../src/store/open-stage.ts';
import type { FileStoreOptions } from '../../src/store/options.ts';
import { NOTHING_STORED } from '../../src/store/stage.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { fileOptions, Lines, s3Options } from './options.ts';
import { bodyOf, inputOf, requestOf, responseOf } from './record-inputs.ts';
import { temporaryFolder } from './temporary.ts';

async function setUp(t: TestContext, more: Partial<FileStoreOptions> = {}) {
  const folder = temporaryFolder(t);
  const counters = new Counters();
  const options = fileOptions(folder, more);
  const stage = await openObjectStage(options, { counters, log: new Lines() });
  t.after(() => stage.close(1_000));
  const files = () => globSync('**/*.*', { cwd: options.directory, exclude: ['.packs'] }).sort();
  return { stage, counters, directory: options.directory, files };
}

const IDS = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const sha = (content: string) => createHash('sha256').update(content).digest('hex');
const readUri = (uri: string | undefined) => readFileSync(fileURLToPath(uri ?? ''), 'utf8');

function exchange(request: string, response: string, more = {}) {
  return inputOf(
    requestOf('POST', 'http://x.test/', [['Content-Type', 'text/plain']], {
      body: bodyOf(request),
    }),
    responseOf(200, [['Content-Type', 'text/html']], { body: bodyOf(response) }),
    { ...IDS, ...more },
  );
}

test('a store whose packs have no place is not kept open', async (t) => {
  const folder = temporaryFolder(t);
  const { packing } = fileOptions(folder);
  const options = s3Options(folder, { packing: { ...packing, enabled: true } });
  const packs = join(options.spool.directory, 'packs');
  mkdirSync(options.spool.directory);
  writeFileSync(packs, 'no folder');
  const open = () => openObjectStage(options, { counters: new Counters(), log: new Lines() });
  await assert.rejects(open(), { code: 'spool_unusable' });
  rmSync(packs);
  const stage = await open();
  await stage.close(1_000);
});

describe('the stage of a store', () => {
  test('stores record and bodies, and knows their addresses at once', async (t) => {
    const { stage, directory } = await setUp(t, { accessUrl: 'https://v/{{SHA256}}' });
    const stored = stage.add(exchange('ping', 'pong'), 'json');
    const day = `file://${directory}/tap/2026/11/21`;
    assert.deepEqual(stored.request, {
      uri: `${day}/sha256/${sha('ping')}`,
      url: `https://v/${sha('ping')}`,
      sha256: sha('ping'),
    });
    assert.equal(stored.record?.uri, `${day}/${IDS.traceId}-${IDS.spanId}.json`);
    await stage.flush(5_000);
    assert.equal(readUri(stored.response?.uri), 'pong');
    const record = JSON.parse(readUri(stored.record?.uri));
    assert.equal(record.response.body_info.ref, stored.response?.uri);
    assert.equal(record.response.body_info.whole_sha256, sha('pong'));
    assert.equal('body' in record.response, false);
  });

  test('stores equal bodies of ingress and egress once', async (t) => {
    const { stage, counters } = await setUp(t);
    const ingress = stage.add(exchange('same', 'also same'), 'json');
    const egress = stage.add(exchange('same', 'also same', { spanId: '00f067aa0ba902b7' }), 'json');
    await stage.flush(5_000);
    assert.deepEqual(egress.request, ingress.request);
    assert.equal(counters.get('store.duplicates'), 2);
    assert.equal(counters.get('store.objects'), 4); // two bodies, two records
  });

  test('keeps bodies as they were on the wire', async (t) => {
    const { stage } = await setUp(t);
    const bytes = gzipSync('encoded');
    const response = responseOf(200, [['Content-Encoding', 'gzip']], { body: bodyOf(bytes) });
    const stored = stage.add(inputOf(requestOf('GET', 'http://x/'), response, IDS), 'json');
    await stage.flush(5_000);
    assert.ok(readFileSync(fileURLToPath(stored.response?.uri ?? '')).equals(bytes));
  });

  test('stores no body below level full', async (t) => {
    const { stage, files } = await setUp(t);
    const stored = stage.add(exchange('a', 'b', { level: 'details' }), 'json');
    await stage.flush(5_000);
    assert.deepEqual([stored.request, stored.response], [undefined, undefined]);
    assert.equal(files().length, 1);
  });

  test('stores a record as text where that is wanted, its bodies decoded in it', async (t) => {
    const { stage } = await setUp(t);
    const response = responseOf(200, [['Content-Encoding', 'gzip']], {
      body: bodyOf(gzipSync('encoded')),
    });
    const input = inputOf(requestOf('GET', 'http://x/'), response, IDS);
    const stored = stage.add(input, 'text');
    assert.match(stored.record?.uri ?? '', /\.txt$/);
    await stage.flush(5_000);
    assert.match(readUri(stored.record?.uri), /^=== HTTP Transaction ===\n.*\nencoded\n===/s);
  });

  test('refers to nothing that was dropped, says so in the record, and counts it', async (t) => {
    const sendingQueue = { queueBytes: 5_000, numConsumers: 1 };
    const { stage, counters } = await setUp(t, { sendingQueue });
    const stored = stage.add(exchange('small', 'x'.repeat(6_000)), 'json');
    assert.notEqual(stored.request, undefined);
    assert.equal(stored.response, undefined);
    assert.equal(counters.get('dropped.store_queue'), 1);
    await stage.flush(5_000);
    const record = JSON.parse(readUri(stored.record?.uri));
    assert.equal(record.response.body_info.dropped, true);
  });

  test('stores again what it believed stored and was dropped', async (t) => {
    const { stage, counters } = await setUp(t, { maxBytes: 1_000 });
    const body = 'y'.repeat(1_100);
    stage.add(exchange('a', body, { spanId: '1'.repeat(16) }), 'json');
    await stage.flush(5_000);
    assert.ok(counters.get('dropped.store_disk') > 0);
    const before = counters.get('store.duplicates');
    stage.add(exchange('b', body, { spanId: '2'.repeat(16) }), 'json');
    await stage.flush(5_000);
    assert.equal(counters.get('store.duplicates'), before);
  });

  test('packs small objects, whose addresses name the range', async (t) => {
    const packing = {
      enabled: true,
      maxObjectBytes: 1_000,
      segmentBytes: 100_000,
      maxDelayMs: 60_000,
    };
    const { stage, files, counters } = await setUp(t, { packing });
    const stored = stage.add(exchange('ping', 'z'.repeat(2_000)), 'json');
    const again = stage.add(exchange('ping', 'z'.repeat(2_000)), 'json');
    assert.deepEqual(again.request, stored.request);
    await stage.flush(5_000);
    const [, path = '', first, last] =
      /^(.*)#bytes=(\d+)-(\d+)$/.exec(stored.request?.uri ?? '') ?? [];
    assert.equal(readUri(path).slice(Number(first), Number(last) + 1), 'ping');
    assert.ok(!(stored.response?.uri ?? '').includes('#'));
    assert.equal(counters.get('store.packs'), 1);
    assert.equal(files().filter((file) => file.endsWith('.tar')).length, 1);
  });
});

test('the disabled store stores nothing', async () => {
  const context = { counters: new Counters(), log: new Lines() };
  const stage = await openObjectStage({ type: 'disabled', id: undefined }, context);
  assert.equal(stage.add(exchange('a', 'b'), 'json'), NOTHING_STORED);
  await stage.close(0);
});
