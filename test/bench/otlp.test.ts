import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { CLIENT, countSpans, decodeSpans } from './otlp.ts';

type ReadableSpans = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0];
type ReadableSpan = ReadableSpans[number];

function readable(attributes: Record<string, string | number>, service: string): ReadableSpan {
  return {
    name: 'GET',
    kind: SpanKind.CLIENT,
    spanContext: () => ({
      traceId: '0102030405060708090a0b0c0d0e0f10',
      spanId: '1112131415161718',
      traceFlags: TraceFlags.SAMPLED,
    }),
    parentSpanContext: {
      traceId: '0102030405060708090a0b0c0d0e0f10',
      spanId: '2122232425262728',
      traceFlags: TraceFlags.SAMPLED,
    },
    startTime: [1_795_000_000, 5_000_000],
    endTime: [1_795_000_000, 9_000_000],
    status: { code: SpanStatusCode.UNSET },
    attributes,
    links: [],
    events: [],
    duration: [0, 4_000_000],
    ended: true,
    resource: resourceFromAttributes({ 'service.name': service }),
    instrumentationScope: { name: 'spantap', version: '0' },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function encode(spans: ReadableSpan[]): Buffer {
  return Buffer.from(ProtobufTraceSerializer.serializeRequest(spans) ?? new Uint8Array());
}

test('what the stock serializer wrote is read back', () => {
  const attributes = {
    'http.request.method': 'GET',
    'network.local.port': 50_123,
    'network.peer.port': 9001,
    'spantap.connection.exchange': 300,
    'spantap.link.tier': 'exact.state',
    'spantap.link.confidence': 0.5,
    'http.request.resend_count': 1,
    'http.response.status_code': 502,
  };
  const body = encode([readable(attributes, 'nginx')]);
  const [span] = decodeSpans(body);
  assert.deepEqual(
    { ...span, startNs: Math.round((span?.startNs ?? 0) / 1e6), endNs: 0 },
    {
      spanId: '\x11\x12\x13\x14\x15\x16\x17\x18',
      parentId: '\x21\x22\x23\x24\x25\x26\x27\x28',
      kind: CLIENT,
      startNs: 1_795_000_000_005,
      endNs: 0,
      localPort: 50_123,
      peerPort: 9001,
      exchange: 300,
      tier: 'exact.state',
      confidence: 0.5,
      resendCount: 1,
      status: 502,
    },
  );
});

test('spans of several resources are all counted', () => {
  const spans = Array.from({ length: 10 }, (_, index) => readable({}, `service ${index % 3}`));
  assert.equal(countSpans(encode(spans)), 10);
  assert.equal(decodeSpans(encode(spans)).length, 10);
});

test('a request that was cut is refused, wherever the cut', () => {
  const body = encode([readable({ 'network.peer.port': 1 }, 'a')]);
  for (let cut = 1; cut < body.length; cut++) {
    assert.throws(() => countSpans(body.subarray(0, cut)), `cut at ${cut}`);
  }
});
