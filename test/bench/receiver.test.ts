import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { stopAll } from './children.ts';
import { Receiver, readSpans } from './spans.ts';

const folder = mkdtempSync(join(tmpdir(), 'spantap-receiver-'));
after(async () => {
  await stopAll();
  rmSync(folder, { recursive: true });
});

/** One length-delimited field of a message, in bytes. */
function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
}

/** ExportTraceServiceRequest with spans that have these names. */
function traceRequest(...names: string[]): Buffer {
  const spans = names.map((name) => field(2, field(5, Buffer.from(name))));
  return field(1, field(2, Buffer.concat(spans)));
}

async function post(receiver: Receiver, body: Buffer, headers: Record<string, string> = {}) {
  const response = await fetch(`${receiver.endpoint}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', ...headers },
    body: new Uint8Array(body),
  });
  return response.status;
}

test('what is posted is counted and kept, compressed or not', async () => {
  const file = join(folder, 'kept');
  const receiver = await Receiver.start('0-1', file);
  assert.equal(await post(receiver, traceRequest('a', 'b')), 200);
  const gzip = { 'content-encoding': 'gzip' };
  assert.equal(await post(receiver, gzipSync(traceRequest('c')), gzip), 200);
  const report = await receiver.settled(3, 1_000);
  assert.equal(report.spans, 3);
  assert.equal((await receiver.stop()).spans, 3);
  assert.equal(readSpans(file).length, 3);
});

test('a request that comes again is answered, and its spans count once', async () => {
  const file = join(folder, 'repeated');
  const receiver = await Receiver.start('0-1', file);
  for (const name of ['a', 'a', 'b']) assert.equal(await post(receiver, traceRequest(name)), 200);
  const report = await receiver.stop();
  assert.deepEqual([report.requests, report.spans, report.repeated], [3, 2, 1]);
  assert.equal(readSpans(file).length, 2);
});

test('a body that is no request is refused and counted', async () => {
  const receiver = await Receiver.start('0-1');
  assert.equal(await post(receiver, Buffer.from('garbage')), 400);
  assert.equal((await receiver.stop()).malformed, 1);
});

test('a token that was not masked is noticed', async () => {
  const receiver = await Receiver.start('0-1', '', 'token-');
  await post(receiver, traceRequest(`token-${'0'.repeat(32)}`));
  assert.equal((await receiver.report()).unmasked, 0);
  await post(receiver, traceRequest(`token-${'0'.repeat(31)}7`));
  assert.equal((await receiver.stop()).unmasked, 1);
});
