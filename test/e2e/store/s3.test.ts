/** The s3 store and a real server that verifies signatures. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import dns from 'node:dns';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { GetObjectCommand, GetObjectTaggingCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { bodyKey } from '../../../src/store/keys.ts';
import { openWriter } from '../../../src/store/open-writer.ts';
import type { S3StoreOptions } from '../../../src/store/options.ts';
import { openS3Store } from '../../../src/store/s3-store.ts';
import type { StoredObject } from '../../../src/store/types.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { createCertificates } from '../../export/certificates.ts';
import { Lines } from '../../store/options.ts';
import { BUCKET, prepareServer, type S3Server, startServer } from './s3-server.ts';

const LIMITS = { requestsMax: 8, requestTimeoutMs: 5_000 };
const NOON = Date.UTC(2026, 10, 21, 12);

function body(content: string): StoredObject {
  const sha256 = createHash('sha256').update(content).digest('hex');
  return {
    key: bodyKey('tap', NOON, sha256),
    bytes: Buffer.from(content),
    contentType: 'text/plain',
    isContentAddressed: true,
  };
}

type LookupDone = (error: null, address: unknown, family: number) => void;

const signal = new AbortController().signal;

async function putWith(options: S3StoreOptions, object: StoredObject) {
  const store = await openS3Store(options, LIMITS);
  const result = await store.put(object, signal);
  await store.close();
  return result;
}

async function textOf(server: S3Server, key: string): Promise<string | undefined> {
  const found = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
  return found.Body?.transformToString();
}

async function open(options: S3StoreOptions) {
  const counters = new Counters();
  const log = new Lines();
  const { writer } = await openWriter(options, { counters, log });
  return { writer, counters, log };
}

/** Resolves when the counter is not 0. */
async function counted(counters: Counters, name: Parameters<Counters['get']>[0], least = 1) {
  const deadline = Date.now() + 20_000;
  while (counters.get(name) < least) {
    if (Date.now() > deadline) throw new Error(`${name} stays ${counters.get(name)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('the s3 store', () => {
  test('stores an object that the server reads back, with its type', async (t) => {
    const server = await startServer(t);
    const object = body('hello');
    assert.deepEqual(await putWith(server.options(), object), { kind: 'stored' });
    const command = new GetObjectCommand({ Bucket: BUCKET, Key: object.key });
    const found = await server.client.send(command);
    assert.equal(await found.Body?.transformToString(), 'hello');
    assert.equal(found.ContentType, 'text/plain');
  });

  test('does not write again what the server has, and overwrites a record', async (t) => {
    const server = await startServer(t);
    const object = body('once');
    assert.equal((await putWith(server.options(), object)).kind, 'stored');
    assert.equal((await putWith(server.options(), object)).kind, 'existed');
    assert.equal((await putWith(server.options({ ifNoneMatch: 'never' }), object)).kind, 'stored');
    const record = { ...object, key: 'tap/record.json', isContentAddressed: false };
    assert.equal((await putWith(server.options(), record)).kind, 'stored');
    assert.equal((await putWith(server.options(), record)).kind, 'stored');
  });

  test('is refused with a wrong secret, an unknown key and a bucket that is not there', async (t) => {
    const server = await startServer(t);
    const wrong = [
      [{ secretKey: { value: 'not the secret' } }, /^403 SignatureDoesNotMatch/],
      [{ accessKey: { value: 'somebody' } }, /access key ID/],
      [{ bucket: 'nobodys-bucket' }, /^404 NoSuchBucket/],
    ] as const;
    for (const [options, reason] of wrong) {
      const result = await putWith(server.options(options), body('x'));
      assert.equal(result.kind, 'retry', JSON.stringify(options));
      assert.ok(result.kind === 'retry' && result.isDenied, JSON.stringify(result));
      assert.match(result.reason, reason);
    }
    assert.deepEqual(readdirSync(join(server.folder, 'data', BUCKET)), []);
  });

  test('takes its keys from the environment when none are configured', async (t) => {
    const server = await startServer(t);
    const { accessKey, secretKey } = server.options();
    process.env.AWS_ACCESS_KEY_ID = accessKey?.value ?? '';
    process.env.AWS_SECRET_ACCESS_KEY = secretKey?.value ?? '';
    t.after(() => {
      delete process.env.AWS_ACCESS_KEY_ID;
      delete process.env.AWS_SECRET_ACCESS_KEY;
    });
    const options = server.options({ accessKey: undefined, secretKey: undefined });
    assert.equal((await putWith(options, body('by environment'))).kind, 'stored');
  });

  test('says what it misses when there are no keys anywhere', async (t) => {
    const server = await startServer(t);
    process.env.AWS_EC2_METADATA_DISABLED = 'true';
    t.after(() => delete process.env.AWS_EC2_METADATA_DISABLED);
    const options = server.options({ accessKey: undefined, secretKey: undefined });
    const result = await putWith(options, body('x'));
    assert.ok(result.kind === 'retry' && result.isDenied, JSON.stringify(result));
    assert.match(result.reason, /[Cc]redentials/);
  });

  test('tags its objects', async (t) => {
    const server = await startServer(t);
    const object = body('tagged');
    const options = server.options({ tags: { keep: '7 days', by: 'spantap' } });
    assert.equal((await putWith(options, object)).kind, 'stored');
    const command = new GetObjectTaggingCommand({ Bucket: BUCKET, Key: object.key });
    const { TagSet } = await server.client.send(command);
    assert.deepEqual(TagSet?.map(({ Key, Value }) => `${Key}=${Value}`).sort(), [
      'by=spantap',
      'keep=7 days',
    ]);
  });

  test('names the bucket in the host where the server wants it there', async (t) => {
    const server = await startServer(t, { virtualDomain: 'localhost' });
    // No name server is asked for bodies.localhost.
    const names: string[] = [];
    t.mock.method(dns, 'lookup', (name: string, options: object, done: LookupDone) => {
      names.push(name);
      done(
        null,
        'all' in options && options.all ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1',
        4,
      );
    });
    const object = body('virtual');
    const options = { endpoint: `localhost:${server.port}`, addressing: 'virtual' } as const;
    assert.equal((await putWith(server.options(options), object)).kind, 'stored');
    assert.equal(
      (await server.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: object.key })))
        .ContentLength,
      7,
    );
    assert.deepEqual([...new Set(names)], [`${BUCKET}.localhost`]);
  });

  test('speaks TLS to a server of its own authority, and to no other', async (t) => {
    const certificates = createCertificates();
    t.after(() => certificates.remove());
    const server = await startServer(t, {
      tls: { cert: certificates.serverCertificate, key: certificates.serverKey },
    });
    const secure = (more: Partial<S3StoreOptions>) => server.options({ insecure: false, ...more });
    const trusting = { tls: { caFile: certificates.authority, insecureSkipVerify: false } };
    assert.equal((await putWith(secure(trusting), body('tls'))).kind, 'stored');
    const careless = { tls: { caFile: undefined, insecureSkipVerify: true } };
    assert.equal((await putWith(secure(careless), body('any'))).kind, 'stored');
    const strict = await putWith(secure({}), body('strict'));
    assert.ok(
      strict.kind === 'retry' && /UNABLE_TO_VERIFY|SELF_SIGNED/.test(strict.reason),
      JSON.stringify(strict),
    );
  });

  test('says when a CA file is not there', async (t) => {
    const server = await prepareServer(t);
    const options = server.options({ tls: { caFile: '/no/such.pem', insecureSkipVerify: false } });
    await assert.rejects(openS3Store(options, LIMITS), { code: 'store_ca_file' });
  });
});

describe('a writer in front of a server', () => {
  const objects = (count: number, name = 'object') =>
    Array.from({ length: count }, (_, index) => body(`${name} ${index}`));

  async function expectAll(server: S3Server, expected: readonly StoredObject[]): Promise<void> {
    for (const { key, bytes } of expected) {
      assert.equal(await textOf(server, key), Buffer.from(bytes).toString());
    }
  }

  test('that is away keeps everything on disk, over kill and restart, and delivers it', async (t) => {
    const server = await prepareServer(t);
    const first = await open(server.options());
    const all = objects(200);
    for (const object of all) assert.ok(first.writer.offer(object));
    await counted(first.counters, 'store.retries', 2);
    await first.writer.close(0);
    assert.equal(first.counters.get('dropped.store_at_exit'), 0);
    assert.ok(first.log.lines.some((line) => /ECONNREFUSED.*capturing goes on/.test(line)));
    await server.start();
    await server.createBucket();
    const second = await open(server.options());
    await second.writer.flush(20_000);
    assert.equal(second.counters.get('store.objects'), 200);
    await expectAll(server, all);
    await second.writer.close(0);
  });

  test('that went away and came back stores what came in between', async (t) => {
    const server = await startServer(t);
    const { writer, counters, log } = await open(server.options());
    const before = objects(20, 'before');
    for (const object of before) writer.offer(object);
    await writer.flush(20_000);
    await server.stop();
    const during = objects(50, 'during');
    for (const object of during) assert.ok(writer.offer(object));
    await counted(counters, 'store.retries', 3);
    await counted(counters, 'store.spooled', 20);
    await server.start();
    await writer.flush(20_000);
    await expectAll(server, [...before, ...during]);
    assert.ok(log.lines.some((line) => line.includes('takes objects again')));
    await writer.close(0);
  });

  test('that refuses its keys keeps everything, says so once, and delivers with the right ones', async (t: TestContext) => {
    const server = await startServer(t);
    const wrong = await open(server.options({ secretKey: { value: 'wrong' } }));
    const all = objects(30);
    for (const object of all) wrong.writer.offer(object);
    await counted(wrong.counters, 'store.denied', 3);
    await wrong.writer.close(0);
    assert.equal(wrong.log.lines.filter((line) => line.startsWith('warn')).length, 1);
    assert.match(wrong.log.lines[0] ?? '', /403/);
    const right = await open(server.options());
    await right.writer.flush(20_000);
    await expectAll(server, all);
    await right.writer.close(0);
  });
});
