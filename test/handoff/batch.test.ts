import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { limits } from '../../src/config/limits.ts';
import { ExchangeView } from '../../src/handoff/batch.ts';
import type { SpanRow } from '../../src/handoff/batch-writer.ts';
import { BatchWriter } from '../../src/handoff/batch-writer.ts';
import { heldBodiesOf } from '../../src/handoff/held-columns.ts';
import { SLOT } from '../../src/handoff/known-headers.ts';
import { FLAG, TIERS } from '../../src/handoff/layout.ts';
import { PendingBodies } from '../../src/store/pending-bodies.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { answer, connection, endpoint, exchange, process } from '../link/builders.ts';

const ROW: SpanRow = {
  process: 3,
  peerProcess: 5,
  flags: FLAG.subrequest,
  tier: TIERS.indexOf('exact.state'),
  confidencePpm: 1_000_000,
  resendCount: 2,
  hop: 7,
  traceFlags: 1,
  trace0: 0x01234567,
  trace1: 0x89abcdef | 0,
  trace2: 0,
  trace3: 0x0000000f,
  span0: 0xfedcba98 | 0,
  span1: 1,
  parent0: 0,
  parent1: 0x0a0b0c0d,
  link: null,
  ownNs: 1234.5,
};

function sample(target = '/a') {
  const socket = connection({
    process: process(9),
    role: 'client',
    local: endpoint('127.0.0.1:5000'),
    remote: endpoint('::1:80'),
    family: 'ipv6',
  });
  const headers = { Host: 'h.example', Traceparent: '00-x', 'X-Other': 'y' };
  const made = exchange({ connection: socket, role: 'client', target, headers, ordinal: 4 });
  return answer(made, 5e6, 404);
}

function bodies(): PendingBodies {
  const bounds = { memoryBytesMax: 4 * 1024 * 1024, diskBytesMax: 0, filesMax: 0 };
  return new PendingBodies(bounds, new Counters());
}

function bodyOf(keeper: PendingBodies, text: string, bytesMax = text.length) {
  const body = keeper.start(bytesMax, text.length);
  body.add(Buffer.from(text), 0, text.length, 0);
  body.finish();
  return body;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest();

function only(writer: BatchWriter): ExchangeView {
  const view = new ExchangeView();
  const batch = writer.take();
  assert.ok(batch !== null);
  view.open(batch);
  assert.ok(view.next());
  return view;
}

test('a row comes back as it went in', () => {
  const writer = new BatchWriter();
  const source = sample();
  source.requestBody = bodyOf(bodies(), 'body');
  source.hasLoss = true;
  source.end = 'reset';
  source.interimResponses = 1;
  writer.add(source, ROW);
  const view = only(writer);
  assert.equal(view.traceId, '0123456789abcdef000000000000000f');
  assert.equal(view.spanId, 'fedcba9800000001');
  assert.equal(view.parentSpanId, '000000000a0b0c0d');
  assert.equal(view.hasLink, false);
  assert.equal(view.flags, FLAG.client | FLAG.subrequest | FLAG.loss);
  assert.deepEqual(
    [view.process, view.status, view.ordinal, view.tier, view.confidence, view.resendCount],
    [3, 404, 4, 'exact.state', 1, 2],
  );
  assert.deepEqual(
    [view.hop, view.end, view.interimResponses, view.ownNs],
    [7, 'reset', 1, 1234.5],
  );
  assert.deepEqual([view.requestStartNs, view.responseStartNs, view.endNs], [1e6, 5e6, 5e6]);
  assert.deepEqual([view.family, view.localAddress, view.localPort], [6, '127.0.0.1', 5000]);
  assert.deepEqual([view.remoteAddress, view.remotePort], ['::1', 80]);
  assert.deepEqual(view.requestHead, source.request.bytes);
  assert.deepEqual(view.responseHead, source.response?.bytes);
  assert.equal(view.requestBody.toString(), 'body');
  assert.deepEqual([view.requestBodyKeptBytes, view.requestBodyHeld], [4, 0]);
  assert.equal(view.requestBodyDigest.length, 0);
  assert.equal(view.responseBody.length, 0);
  assert.equal(view.connectionId, source.connection.id);
});

test('known headers are read by slot and absent ones are undefined', () => {
  const writer = new BatchWriter();
  writer.add(sample(), ROW);
  writer.add(sample(), ROW);
  const view = only(writer);
  view.next();
  assert.equal(view.header(SLOT.host), 'h.example');
  assert.equal(view.header(SLOT.traceparent), '00-x');
  assert.equal(view.header(SLOT.tracestate), undefined);
  assert.equal(view.headerStart(SLOT.tracestate), -1);
});

test('a link to a span of another trace is kept', () => {
  const writer = new BatchWriter();
  const link = { trace0: 1, trace1: 2, trace2: 3, trace3: 4, span0: 5, span1: 6 };
  writer.add(sample(), { ...ROW, link });
  const view = only(writer);
  assert.equal(view.linkTraceId, '00000001000000020000000300000004');
  assert.equal(view.linkSpanId, '0000000500000006');
});

test('batches grow in rows and bytes without mixing them up', () => {
  const writer = new BatchWriter();
  const sources = Array.from({ length: 300 }, (_, i) => sample(`/${'x'.repeat(i * 20)}`));
  for (const source of sources) writer.add(source, ROW);
  const view = only(writer);
  for (const source of sources) {
    assert.deepEqual(view.requestHead, source.request.bytes);
    assert.equal(view.remoteAddress, '::1');
    view.next();
  }
});

test('taken buffers can be transferred and the writer starts again', () => {
  const writer = new BatchWriter();
  assert.equal(writer.take(), null);
  writer.add(sample('/first'), ROW);
  const first = writer.take();
  assert.ok(first !== null);
  const buffers = [first.f64.buffer, first.u32.buffer, first.bytes.buffer];
  const moved = structuredClone(first, { transfer: buffers as ArrayBuffer[] });
  writer.add(sample('/second'), ROW);
  const view = only(writer);
  assert.match(view.requestHead.toString(), /^GET \/second /);
  view.open(moved);
  view.next();
  assert.match(view.requestHead.toString(), /^GET \/first /);
  assert.equal(view.localAddress, '127.0.0.1');
});

test('a small body crosses with its row, and is held no longer', () => {
  const keeper = bodies();
  const source = sample();
  source.requestBody = bodyOf(keeper, 'x'.repeat(limits.inlineBodyBytesMax));
  source.responseBody = bodyOf(keeper, 'first, and more', 5);
  const writer = new BatchWriter();
  writer.add(source, ROW);
  const view = only(writer);
  assert.equal(view.requestBody.length, limits.inlineBodyBytesMax);
  assert.deepEqual([view.responseBody.toString(), view.responseBodyKeptBytes], ['first', 5]);
  assert.deepEqual(view.responseBodyDigest, sha256('first, and more'));
  assert.deepEqual([keeper.held, keeper.memoryBytes], [0, 0]);
});

test('of a larger body its number crosses, with length and digest, until the batch comes back', async () => {
  const keeper = bodies();
  const text = 'x'.repeat(limits.inlineBodyBytesMax + 1);
  const writer = new BatchWriter();
  for (let row = 0; row < 2; row++) {
    const source = sample();
    source.requestBody = bodyOf(keeper, text);
    source.responseBody = bodyOf(keeper, text);
    writer.add(source, ROW);
  }
  const view = only(writer);
  assert.deepEqual([view.requestBody.length, view.requestBodyKeptBytes], [0, text.length]);
  assert.deepEqual(view.requestBodyDigest, sha256(text));
  assert.deepEqual(view.responseBodyDigest, sha256(text));
  const numbers = heldBodiesOf(view.batch).map(({ row, number }) => [row, number]);
  assert.deepEqual(numbers, [
    [0, 1],
    [0, 2],
    [1, 3],
    [1, 4],
  ]);
  assert.ok(view.batch.bytes.length < text.length);
  keeper.want(view.responseBodyHeld);
  const read = Buffer.from(await keeper.read(view.requestBodyHeld));
  view.open(view.batch, new Map([[view.requestBodyHeld, read]]));
  view.next();
  assert.equal(view.requestBody.toString(), text);
  assert.equal(view.responseBody.length, 0, 'it was not read');
  keeper.discardOf(view.batch);
  assert.equal(keeper.held, 1, 'the one that is wanted');
  assert.equal(Buffer.from(await keeper.read(view.responseBodyHeld)).toString(), text);
  assert.deepEqual([keeper.held, keeper.memoryBytes], [0, 0]);
});

test('a batch with many bytes is full before it has many rows', () => {
  const keeper = bodies();
  const writer = new BatchWriter();
  for (let row = 0; row < 17; row++) {
    assert.equal(writer.isFull, row === 16);
    const source = sample();
    source.responseBody = bodyOf(keeper, 'x'.repeat(limits.inlineBodyBytesMax));
    writer.add(source, ROW);
  }
});

test('text of addresses is cut at 255 bytes', () => {
  const writer = new BatchWriter();
  const long = sample();
  long.connection = { ...long.connection, local: { address: 'ü'.repeat(300), port: 0 } };
  writer.add(long, ROW);
  assert.equal(only(writer).localAddress, 'ü'.repeat(127));
});
