/** Events of exchanges (`report_usage`) and notes about stored objects, with Qtap's keys. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { artifactEvents } from '../../../src/store/events/artifact-events.ts';
import { requestEvent } from '../../../src/store/events/request-event.ts';
import { NOTHING_STORED } from '../../../src/store/stage.ts';
import { bodyOf, inputOf, requestOf, responseOf } from '../record-inputs.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const NONE = { tags: [], headers: [] };

const headers = [
  ['Authorization', '****'],
  ['User-Agent', 'curl/8'],
  ['X-Team', 'edge'],
  ['x-team', 'web'],
] as const;
const request = requestOf('POST', 'http://shop.test/cart?id=1', headers, {
  body: bodyOf('secret=1'),
});
const response = responseOf(201, [['Content-Type', 'application/json']], {
  body: bodyOf('{"secret":2}'),
});
const input = inputOf(request, response, {
  traceId: TRACE,
  spanId: SPAN,
  requestId: 'r1',
  endpointId: 'shop.test',
  tags: ['env:prod'],
});

describe('the event of an exchange', () => {
  test("has Qtap's keys and those of its span", () => {
    const event = requestEvent(input, { tags: ['team:shop'], headers: [] });
    assert.deepEqual(event.item, {
      connectionId: 'c1',
      endpointId: 'shop.test',
      requestId: 'r1',
      tags: ['env:prod', 'team:shop'],
      timestamp: '2026-11-21T12:00:00.000Z',
      direction: 'ingress',
      url: 'http://shop.test/cart?id=1',
      path: '/cart?id=1',
      method: 'POST',
      status: 201,
      duration: 12,
      contentType: 'application/json',
      agent: 'curl/8',
      bytesSent: 8,
      bytesReceived: 12,
      traceId: TRACE,
      spanId: SPAN,
    });
    assert.deepEqual([event.traceId, event.spanId], [TRACE, SPAN]);
    assert.equal(event.title, 'HTTP POST (201) http://shop.test/cart?id=1');
    assert.equal(event.timeMs, Date.UTC(2026, 10, 21, 12) + 12);
    assert.equal(event.attributes['http.request.method'], 'POST');
    assert.equal(event.attributes['container.name'], 'haproxy-demo');
  });

  test('has the headers that were asked for, as they were given, repeated ones joined', () => {
    const event = requestEvent(input, { tags: [], headers: ['authorization', 'X-Team', 'X-None'] });
    assert.deepEqual(event.item.headers, { authorization: '****', 'X-Team': 'edge, web' });
  });

  test('has no payload', () => {
    assert.doesNotMatch(JSON.stringify(requestEvent(input, NONE)), /secret/);
  });

  test('says how it ended when there was no response', () => {
    const event = requestEvent(inputOf(request, undefined, { end: 'reset' }), NONE);
    assert.equal('status' in event.item, false);
    assert.equal(event.title, 'HTTP POST (reset) http://shop.test/cart?id=1');
  });
});

describe('notes about stored objects', () => {
  const reference = (name: string) => ({ uri: `s3://b/${name}`, url: undefined, sha256: name });

  test('are made of the record and of each body', () => {
    const events = artifactEvents(input, {
      record: { uri: 's3://b/r.json', url: 'https://view/r.json' },
      request: reference('aa'),
      response: reference('bb'),
    });
    assert.deepEqual(
      events.map(({ item }) => [item.type, item.digest, item.url, item.uri]),
      [
        ['http_transaction', undefined, 'https://view/r.json', 's3://b/r.json'],
        ['req-body', 'aa', undefined, 's3://b/aa'],
        ['res-body', 'bb', undefined, 's3://b/bb'],
      ],
    );
    const [event] = events;
    assert(event);
    assert.equal(event.title, 'Artifact stored: http_transaction');
    assert.deepEqual(event.item.summary, {
      duration_ms: 12,
      direction: 'ingress',
      process_exe: '/usr/sbin/haproxy',
      container_name: 'haproxy-demo',
      container_image: 'haproxy:2.9',
      connection_id: 'c1',
      request_method: 'POST',
      request_scheme: 'http',
      request_host: 'shop.test',
      request_protocol: 'http1',
      response_status: 201,
      response_content_type: 'application/json',
    });
    assert.doesNotMatch(JSON.stringify(events), /secret|cart/);
  });

  test('are not made of what was not stored', () => {
    assert.deepEqual(artifactEvents(input, NOTHING_STORED), []);
    const only = { ...NOTHING_STORED, response: reference('bb') };
    assert.deepEqual(
      artifactEvents(input, only).map(({ item }) => item.type),
      ['res-body'],
    );
  });
});
