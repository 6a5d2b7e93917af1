import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SendResult } from '../../src/export/types.ts';
import { FLAG } from '../../src/handoff/layout.ts';
import { kept } from './decided.ts';
import { randomSource } from './random-rows.ts';
import { type Row, toBatch } from './rows.ts';
import { createFakeExporter } from './transports.ts';

/** Rows of one hop: an ingress and its egress. */
function hop(number: number, rows = 2, extra: Partial<Row> = {}): Row[] {
  const traceId = number.toString(16).padStart(32, '0');
  return Array.from({ length: rows }, (_, index) => ({
    hop: number,
    traceId,
    client: index > 0,
    spanId: (number * 1_000 + index).toString(16).padStart(16, '0'),
    ...extra,
  }));
}

function hops(count: number, rows = 2, extra: Partial<Row> = {}): Row[] {
  return Array.from({ length: count }, (_, index) => hop(index + 1, rows, extra)).flat();
}

describe('batches', () => {
  test('go out when they are full, the rest after the schedule delay', async () => {
    const { exporter, transport } = createFakeExporter({ batchSpansMax: 10 });
    exporter.add(...kept(toBatch(hops(12))));
    assert.deepEqual(
      transport.spans.map((spans) => spans.length),
      [10, 10],
    );
    await exporter.flush(1_000);
    assert.deepEqual(
      transport.spans.map((spans) => spans.length),
      [10, 10, 4],
    );
    await exporter.close(0);
  });

  test('go out by themselves when nothing more comes', async () => {
    const { exporter, transport } = createFakeExporter({ scheduleDelayMs: 5 });
    exporter.add(...kept(toBatch(hops(1))));
    assert.equal(transport.sent.length, 0);
    while (transport.sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(transport.spans[0]?.length, 2);
    await exporter.close(0);
  });

  test('never hold a part of a hop, whatever the sizes', async () => {
    const random = randomSource(7);
    const { exporter, transport } = createFakeExporter({ batchSpansMax: 16, batchBytesMax: 9_000 });
    let number = 0;
    for (let round = 0; round < 40; round++) {
      const rows: Row[] = [];
      for (let i = Math.floor(random() * 9); i >= 0; i--) {
        const target = `/${'x'.repeat(Math.floor(random() * 900))}`;
        rows.push(...hop(++number, 1 + Math.floor(random() * 5), { target }));
      }
      exporter.add(...kept(toBatch(rows)));
    }
    await exporter.flush(5_000);
    const placeOf = new Map<string, number>();
    transport.spans.forEach((spans, request) => {
      assert.ok(spans.length <= 16);
      for (const { traceId } of spans) {
        assert.equal(placeOf.get(traceId) ?? request, request, 'a hop in two requests');
        placeOf.set(traceId, request);
      }
    });
    for (const { body } of transport.sent) assert.ok(body.length <= 9_000, String(body.length));
    assert.equal(placeOf.size, number);
    assert.equal(
      new Set(transport.spans.flat().map((span) => span.spanId)).size,
      transport.spans.flat().length,
    );
    await exporter.close(0);
  });

  test('hold each span once, grouped by process', async () => {
    const { exporter, transport } = createFakeExporter();
    const rows = hops(9).map((row, index) => ({ ...row, process: (index >> 1) % 3 }));
    exporter.add(...kept(toBatch(rows)));
    await exporter.flush(1_000);
    assert.equal(transport.spans.flat().length, rows.length);
    await exporter.close(0);
  });
});

describe('a hop that is larger than a batch', () => {
  test('is sent in several, and counted', async () => {
    const { exporter, transport, counters } = createFakeExporter({ batchSpansMax: 10 });
    exporter.add(...kept(toBatch([...hop(1, 2), ...hop(2, 25), ...hop(3, 2)])));
    await exporter.flush(1_000);
    assert.equal(counters.get('export.torn_hops'), 1);
    assert.equal(transport.spans.flat().length, 29);
    for (const spans of transport.spans) assert.ok(spans.length <= 10);
    await exporter.close(0);
  });

  test('in bytes as well', async () => {
    const { exporter, transport, counters } = createFakeExporter({ batchBytesMax: 4_000 });
    exporter.add(
      ...kept(toBatch([...hop(1, 2), ...hop(2, 8, { target: `/${'x'.repeat(1_000)}` })])),
    );
    await exporter.flush(1_000);
    assert.equal(counters.get('export.torn_hops'), 1);
    assert.equal(transport.spans.flat().length, 10);
    for (const { body } of transport.sent) assert.ok(body.length <= 4_000);
    await exporter.close(0);
  });
});

describe('a full queue', () => {
  const pending = new Promise<SendResult>(() => undefined);

  test('drops whole hops, counted as spans, and keeps what it has', async () => {
    const options = { queue: { spansMax: 20 }, batchSpansMax: 4 };
    const { exporter, transport, counters, queue } = createFakeExporter(options);
    transport.answers = [pending];
    exporter.add(...kept(toBatch(hops(50))));
    assert.equal(counters.get('dropped.export_queue'), 80);
    assert.equal(queue.spans, 20);
    await exporter.close(0);
    assert.equal(counters.get('dropped.at_exit'), 20);
    assert.equal(counters.total('dropped'), 100);
  });

  test('of bytes drops too', async () => {
    const options = { queue: { bytesMax: 6_000 }, batchSpansMax: 4 };
    const { exporter, transport, counters, queue } = createFakeExporter(options);
    transport.answers = [pending];
    exporter.add(...kept(toBatch(hops(50))));
    assert.ok(counters.get('dropped.export_queue') > 0);
    assert.ok(queue.bytes <= 6_000);
    await exporter.close(0);
    assert.equal(counters.total('dropped'), 100);
  });
});

describe('what was decided', () => {
  test('leaves a hop out as a whole', async () => {
    const { exporter, transport, counters } = createFakeExporter();
    exporter.add(...kept(toBatch([...hop(1, 3), ...hop(2)]), { isKept: (row) => row >= 3 }));
    await exporter.flush(1_000);
    assert.equal(transport.spans.flat().length, 2);
    assert.equal(counters.total('dropped'), 0, 'whoever decides counts');
    await exporter.close(0);
  });

  test('notes the threshold of a thinned hop in tracestate', async () => {
    const { exporter, transport } = createFakeExporter();
    exporter.add(...kept(toBatch(hop(1, 1)), { threshold: 'c' }));
    await exporter.flush(1_000);
    assert.equal(transport.spans[0]?.[0]?.traceState, 'ot=th:c');
    await exporter.close(0);
  });

  test('names where record and bodies are', async () => {
    const { exporter, transport } = createFakeExporter();
    const record = { uri: 's3://bucket/record.json', url: 'https://store/record.json' };
    const request = { uri: 's3://bucket/a', url: undefined, sha256: 'ab' };
    const references = [{ record, request, response: undefined }];
    exporter.add(...kept(toBatch([{}]), { references }));
    await exporter.flush(1_000);
    const span = transport.spans[0]?.[0];
    const attributes = Object.fromEntries(
      span?.attributes.map(({ key, value }) => [key, value.stringValue]) ?? [],
    );
    assert.equal(attributes['spantap.record_ref'], record.uri);
    assert.equal(attributes['spantap.record_url'], record.url);
    assert.equal(attributes['http.request.body.content_ref'], request.uri);
    assert.equal(attributes['spantap.http.request.body.sha256'], 'ab');
    assert.ok(!('http.response.body.content_ref' in attributes));
    await exporter.close(0);
  });
});

test('marks are counted once a span, also when its hop had to be encoded twice', async () => {
  const { exporter, counters } = createFakeExporter({ batchBytesMax: 2_500 });
  exporter.add(...kept(toBatch(hops(20, 2, { flags: FLAG.requestTruncated | FLAG.loss }))));
  await exporter.flush(1_000);
  // Flags are set on both rows; the client bit of egress rows is kept.
  assert.equal(counters.get('truncated.spans'), 40);
  assert.equal(counters.get('export.spans_with_loss'), 40);
  await exporter.close(0);
});

test('closing waits no longer than its deadline for a collector that is silent', async () => {
  const { exporter, transport, counters } = createFakeExporter();
  transport.answers = [new Promise<SendResult>(() => undefined)];
  exporter.add(...kept(toBatch(hops(2))));
  await exporter.close(20);
  assert.equal(counters.get('dropped.at_exit'), 4);
});
