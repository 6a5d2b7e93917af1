import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { buildRecord } from '../../src/store/record.ts';
import { bodyOf, inputOf, requestOf, responseOf } from './record-inputs.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const MADE_MS = Date.UTC(2026, 10, 21, 12, 0, 1, 500);
const HEADERS = [
  ['Host', 'shop.test'],
  ['User-Agent', 'curl/8'],
  ['Content-Type', 'application/json'],
] as const;

const full = inputOf(
  requestOf('POST', 'http://shop.test/cart?x=1', HEADERS, {
    body: bodyOf('{}', { wholeSha256: 'aa' }),
  }),
  responseOf(201, [['Content-Type', 'text/plain']], {
    body: bodyOf('made', { isTruncated: true, lenBytes: 900 }),
    bodyBytes: 900,
  }),
  {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    parentSpanId: '00f067aa0ba902b7',
    linkTier: 'exact.state',
    linkConfidence: 1,
    requestId: 'r-1',
    durationMs: 12.34567,
    ttfbMs: 3,
    peer: '10.0.0.1:51234',
    local: '[::1]:80',
    tags: ['env:test'],
    changes: { path: { from: '/a', to: '/b' } },
  },
);

describe('a record', () => {
  test("has Qtap's keys in its order, then ours; bodies as base64 where they are inline", () => {
    const record = buildRecord(full, MADE_MS, 'inline');
    const expected = {
      metadata: {
        process_id: '987',
        process_exe: '/usr/sbin/haproxy',
        container_name: 'haproxy-demo',
        container_image: 'haproxy:2.9',
        bytes_sent: 2,
        bytes_received: 900,
        request_id: 'r-1',
        connection_id: 'c1',
        endpoint_id: 'localhost',
        tags: ['env:test'],
      },
      request: {
        method: 'POST',
        url: 'http://shop.test/cart?x=1',
        scheme: 'http',
        path: '/cart?x=1',
        authority: 'shop.test',
        protocol: 'http1',
        request_id: 'r-1',
        user_agent: 'curl/8',
        content_type: 'application/json',
        headers: {
          Host: 'shop.test',
          'User-Agent': 'curl/8',
          'Content-Type': 'application/json',
        },
        body: 'e30=',
        body_info: { length: 2, stored: 2, sha256: sha256('{}'), whole_sha256: 'aa' },
      },
      response: {
        status: 201,
        content_type: 'text/plain',
        headers: { 'Content-Type': 'text/plain' },
        body: 'bWFkZQ==',
        body_info: { length: 900, stored: 4, truncated: true, sha256: sha256('made') },
      },
      transaction_time: '2026-11-21T12:00:01.500Z',
      duration_ms: 12.346,
      direction: 'ingress',
      start_time: '2026-11-21T12:00:00.000Z',
      ttfb_ms: 3,
      peer: '10.0.0.1:51234',
      local: '[::1]:80',
      level: 'full',
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      span_id: 'b7ad6b7169203331',
      parent_span_id: '00f067aa0ba902b7',
      link: { tier: 'exact.state', confidence: 1 },
      end: 'complete',
      changes: { path: { from: '/a', to: '/b' } },
    };
    assert.equal(JSON.stringify(record, null, 1), JSON.stringify(expected, null, 1));
  });

  test('has the digest of the whole of a body that is in it whole, and says what is not exact', () => {
    const request = requestOf('POST', 'http://x.test/', [], { body: bodyOf('{}') });
    const loose = bodyOf('ab', { lenBytes: 9, isTruncated: true, isLenInexact: true });
    const record = buildRecord(
      inputOf(request, responseOf(200, [], { body: loose })),
      MADE_MS,
      'inline',
    ) as Record<'request' | 'response', { body_info: unknown }>;
    const digest = sha256('{}');
    assert.deepEqual(record.request.body_info, {
      length: 2,
      stored: 2,
      sha256: digest,
      whole_sha256: digest,
    });
    assert.deepEqual(record.response.body_info, {
      length: 9,
      length_inexact: true,
      stored: 2,
      truncated: true,
      sha256: sha256('ab'),
    });
  });

  test('refers to bodies that are objects of their own', () => {
    const reference = { uri: 's3://b/k', url: 'https://v/k', sha256: 'bb' };
    const record = buildRecord(full, MADE_MS, 'referenced', {
      request: reference,
      response: undefined,
    });
    const request = record.request as Record<string, unknown>;
    assert.equal('body' in request, false);
    assert.deepEqual(request.body_info, {
      length: 2,
      stored: 2,
      sha256: 'bb',
      whole_sha256: 'aa',
      ref: 's3://b/k',
      url: 'https://v/k',
    });
  });

  test('of a summary has neither headers nor bodies, yet their content types and sizes', () => {
    const record = buildRecord({ ...full, level: 'summary' }, MADE_MS, 'inline');
    const text = JSON.stringify(record);
    assert.ok(!text.includes('headers') && !text.includes('body'));
    assert.ok(text.includes('"content_type":"application/json"') && text.includes('900'));
  });

  test('leaves out what is empty or not known, as Qtap does', () => {
    const bare = inputOf(requestOf('GET', 'http://x.test/'), undefined, {
      level: 'details',
      durationMs: undefined,
      end: 'reset',
      hasLoss: true,
    });
    const record = buildRecord(bare, MADE_MS, 'inline');
    assert.deepEqual(record.response, { status: 0 });
    for (const key of ['duration_ms', 'ttfb_ms', 'peer', 'local', 'parent_span_id', 'changes']) {
      assert.equal(key in record, false, key);
    }
    assert.equal('bytes_sent' in (record.metadata as object), false);
    assert.equal(record.end, 'reset');
    assert.equal(record.lost, true);
  });

  test('joins repeated headers, and lists all as they were', () => {
    const headers = [
      ['Set-Cookie', 'a=1'],
      ['X', 'y'],
      ['set-cookie', 'b=2'],
    ] as const;
    const record = buildRecord(
      inputOf(requestOf('GET', 'http://x.test/'), responseOf(200, headers)),
      MADE_MS,
      'inline',
    );
    const response = record.response as Record<string, unknown>;
    assert.deepEqual(response.headers, { 'Set-Cookie': 'a=1, b=2', X: 'y' });
    assert.deepEqual(response.header_list, headers);
  });

  test('keeps a header named __proto__ like any other', () => {
    const record = buildRecord(
      inputOf(requestOf('GET', 'http://x.test/', [['__proto__', 'x']]), undefined),
      MADE_MS,
      'inline',
    );
    assert.match(JSON.stringify(record), /"headers":\{"__proto__":"x"\}/);
  });
});
