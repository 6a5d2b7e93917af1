/** A server that hangs, and a process that is killed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { openWriter } from '../../../src/store/open-writer.ts';
import type { S3StoreOptions } from '../../../src/store/options.ts';
import { openS3Store } from '../../../src/store/s3-store.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { objectOf, until } from '../../store/fake-store.ts';
import { Lines } from '../../store/options.ts';
import { BUCKET, prepareServer, type S3Server, startServer } from './s3-server.ts';
import { startProxy } from './stalling-proxy.ts';

async function keysOf(server: S3Server): Promise<string[]> {
  const keys: string[] = [];
  for (let token: string | undefined; ; ) {
    const command = new ListObjectsV2Command({ Bucket: BUCKET, ContinuationToken: token });
    const page = await server.client.send(command);
    keys.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ''));
    token = page.NextContinuationToken;
    if (token === undefined) return keys;
  }
}

async function open(options: S3StoreOptions) {
  const counters = new Counters();
  const { writer } = await openWriter(options, { counters, log: new Lines() });
  return { writer, counters };
}

describe('a server that hangs', () => {
  test('is given up after the time limit of a write', async (t) => {
    const server = await startServer(t);
    const { proxy, port } = await startProxy(t, server.port);
    const options = server.options({ endpoint: `127.0.0.1:${port}` });
    const store = await openS3Store(options, { requestsMax: 2, requestTimeoutMs: 300 });
    const signal = new AbortController().signal;
    assert.equal((await store.put(objectOf('before'), signal)).kind, 'stored');
    proxy.stall();
    const result = await store.put(objectOf('during'), signal);
    assert.ok(result.kind === 'retry' && !result.isDenied, JSON.stringify(result));
    assert.match(result.reason, /[Tt]imeout/);
    proxy.resume();
    assert.equal((await store.put(objectOf('after'), signal)).kind, 'stored');
    await store.close();
  });

  test('holds nobody up: objects are taken at once, are soon on disk, and stored later', async (t) => {
    const server = await startServer(t);
    const { proxy, port } = await startProxy(t, server.port);
    const { writer, counters } = await open(server.options({ endpoint: `127.0.0.1:${port}` }));
    proxy.stall();
    const startMs = performance.now();
    for (let i = 0; i < 300; i++) assert.ok(writer.offer(objectOf(`k${i}`, 'x'.repeat(1_000))));
    assert.ok(performance.now() - startMs < 1_000);
    await until('all are on disk', () => counters.get('store.spooled') === 300);
    proxy.resume();
    await writer.flush(20_000);
    assert.equal((await keysOf(server)).length, 300);
    assert.equal(counters.get('store.objects'), 300);
    await writer.close(0);
  });
});

test('what was on disk when the process was killed is stored by the next one', async (t) => {
  const server = await prepareServer(t); // not there yet
  const options = server.options();
  const script = join(import.meta.dirname, 'store-writer.ts');
  const child = spawn(process.execPath, [script, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let offered = 0;
  let spooled = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    [offered = 0, spooled = 0] = line.split(' ').map(Number);
    if (spooled >= 300) child.kill('SIGKILL');
  }
  await ended;
  assert.ok(spooled >= 300 && offered >= spooled);

  await server.start();
  await server.createBucket();
  const next = await open(options);
  await next.writer.flush(30_000);
  const stored = next.counters.get('store.objects');
  // The last that it said were on disk were on their way there.
  assert.ok(stored >= spooled - 20, `${stored} of ${spooled}`);
  const keys = await keysOf(server);
  assert.equal(keys.length, stored);
  for (const number of [0, 1, 150, stored - 1]) {
    const Key = `tap/2026/11/21/object-${number}`;
    const found = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
    const expected = `content ${number} ${'x'.repeat((number * 31) % 2_000)}`;
    assert.equal(await found.Body?.transformToString(), expected);
  }
  await next.writer.close(0);
});
