import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { LEVELS, type Level } from '../../src/config/levels.ts';
import { ExchangeView } from '../../src/handoff/batch.ts';
import { FLAG } from '../../src/handoff/layout.ts';
import { BatchRedaction } from '../../src/rules/redaction/batch.ts';
import { compileRedaction } from '../../src/rules/redaction/redaction.ts';
import type { RedactionRule } from '../../src/rules/redaction/types.ts';
import { bodyFormsOf, RecordBuilder } from '../../src/store/record-builder.ts';
import type { BodyInput } from '../../src/store/record-input.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { type Row, toBatch } from '../export/rows.ts';

const DECODED_BYTES_MAX = 10_000;

interface Setting {
  readonly level?: Level;
  readonly rules?: readonly RedactionRule[];
}

/** The record of a row as the main thread makes it: redacted first. */
function build(row: Row, { level = 'full', rules = [] }: Setting = {}) {
  const compiled = compileRedaction(rules, { hashKey: Buffer.from('key') });
  assert.ok(compiled.ok);
  const { redaction } = compiled;
  const counters = new Counters();
  const builder = new RecordBuilder({
    redaction,
    processOf: (index) => ({
      process: { pid: 40 + index, exe: '/bin/p', name: 'p', container: undefined, pod: undefined },
      tags: ['env:test'],
    }),
    toUnixMs: (timeNs) => timeNs / 1e6,
    isInternal: (address) => address.startsWith('10.'),
    decodedBytesMax: DECODED_BYTES_MAX,
    counters,
  });
  const batch = toBatch([{}, { requestEndNs: 1, responseHead: OK, ...row }]);
  const view = new ExchangeView();
  view.open(batch);
  view.seek(1);
  const forms = redaction.coversBodies ? bodyFormsOf(view) : undefined;
  const visible = new BatchRedaction(redaction).apply(batch, () => true);
  builder.open(visible);
  const input = builder.build(1, LEVELS.indexOf(level), undefined, forms);
  // The next batch comes in the same memory.
  visible.bytes.fill(0);
  batch.bytes.fill(0);
  return { input, counters };
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n';

const urlOf = (row: Row) => {
  const { url, scheme, authority, path } = build(row).input.request;
  return { url, scheme, authority, path };
};

describe('the record of a row', () => {
  test('says who, when and how long', () => {
    const { input } = build({
      process: 2,
      startNs: 5e9,
      responseStartNs: 5_003_000_000,
      endNs: 5_012_500_000,
      connectionId: 77,
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      parentSpanId: '00f067aa0ba902b7',
      tier: 'exact.state',
      confidence: 1,
      headers: [
        ['Host', 'shop'],
        ['User-Agent', 'curl'],
        ['X-Request-Id', 'r-1'],
      ],
    });
    const { request, response, process, ...rest } = input;
    assert.equal(process.pid, 42);
    assert.equal(request.userAgent, 'curl');
    assert.equal(response?.status, 200);
    assert.deepEqual(rest, {
      level: 'full',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      parentSpanId: '00f067aa0ba902b7',
      linkTier: 'exact.state',
      linkConfidence: 1,
      direction: 'ingress',
      startMs: 5_000,
      durationMs: 12.5,
      ttfbMs: 3,
      end: 'complete',
      hasLoss: false,
      tags: ['env:test'],
      connectionId: '77',
      local: '127.0.0.1:8080',
      peer: '10.0.0.9:51234',
      endpointId: 'shop',
      requestId: 'r-1',
      changes: undefined,
      changeLines: [],
    });
  });

  test('knows no duration of what it did not see begin or end', () => {
    assert.equal(build({ endNs: 0 }).input.durationMs, undefined);
    assert.equal(build({}).input.ttfbMs, undefined);
  });

  test('tells internal egress from external', () => {
    const direction = (row: Row) => build(row).input.direction;
    assert.equal(direction({ remote: ['8.8.8.8', 1] }), 'ingress');
    assert.equal(direction({ client: true, remote: ['10.0.0.1', 80] }), 'egress-internal');
    assert.equal(direction({ client: true, remote: ['8.8.8.8', 80] }), 'egress-external');
    assert.equal(direction({ client: true, family: 1, remote: ['/run/s', 0] }), 'egress-internal');
  });

  test('has no response where none was seen, and says that bytes were lost', () => {
    const { input } = build({ status: 0, responseHead: '', end: 'reset' });
    assert.equal(input.response, undefined);
    assert.equal(input.end, 'reset');
    assert.equal(build({ flags: FLAG.loss }).input.hasLoss, true);
    assert.equal(build({ end: 'lost' }).input.hasLoss, true);
  });

  test('has headers from level details on, and bodies only at full', () => {
    const row: Row = { requestBody: 'a', responseBody: 'b' };
    const parts = (level: Level) => {
      const { request, response } = build(row, { level }).input;
      const [header] = response?.headers ?? [];
      return [header?.[1], request.body?.bytes.length, response?.body?.bytes.length];
    };
    assert.deepEqual(parts('summary'), [undefined, undefined, undefined]);
    assert.deepEqual(parts('details'), ['text/plain', undefined, undefined]);
    assert.deepEqual(parts('full'), ['text/plain', 1, 1]);
    assert.equal(build(row, { level: 'summary' }).input.response?.contentType, 'text/plain');
    assert.equal(build(row, { level: 'summary' }).input.request.bodyBytes, 1);
  });
});

describe('the URL of a record', () => {
  test('is made of Host and target', () => {
    assert.deepEqual(urlOf({ target: '/a/b?c=1', headers: [['Host', 'shop:81']] }), {
      url: 'http://shop:81/a/b?c=1',
      scheme: 'http',
      authority: 'shop:81',
      path: '/a/b',
    });
    assert.equal(urlOf({ flags: FLAG.tls, target: '/' }).url, 'https://shop.example/');
  });

  test('is only the target where there is no Host', () => {
    const { url, authority } = urlOf({ target: '/a', version: '1.0', headers: [] });
    assert.deepEqual([url, authority], ['/a', '']);
  });

  test('is an absolute target, whatever Host says', () => {
    assert.deepEqual(urlOf({ target: 'HTTPS://other/x', headers: [['Host', 'shop']] }), {
      url: 'https://other/x',
      scheme: 'https',
      authority: 'other',
      path: '/x',
    });
    assert.equal(urlOf({ target: 'http://other' }).url, 'http://other/');
    assert.equal(urlOf({ target: 'http://other?a=1' }).url, 'http://other/?a=1');
  });

  test('is the authority of CONNECT, and has no path for an asterisk', () => {
    const connect = urlOf({ method: 'CONNECT', target: 'db:5432' });
    assert.deepEqual(connect, {
      url: 'http://db:5432',
      scheme: 'http',
      authority: 'db:5432',
      path: '',
    });
    const options = urlOf({ method: 'OPTIONS', target: '*' });
    assert.deepEqual([options.url, options.path], ['http://shop.example', '*']);
  });

  test('names no user', () => {
    for (const row of [
      { target: 'http://joe:s3cret@other/' },
      { target: 'http://joe:s3c@ret@other/' },
      { method: 'CONNECT', target: 'joe:s3cret@other' },
      { headers: [['Host', 'joe:s3cret@other']] },
    ] satisfies Row[]) {
      const { input } = build(row);
      assert.equal(input.endpointId, 'other');
      assert.doesNotMatch(JSON.stringify(input), /s3c|ret@/, JSON.stringify(row));
    }
  });
});

describe('the body of a record', () => {
  const bodyOf = (row: Row, setting: Setting = {}) => build(row, setting).input.response?.body;
  const textOf = (body: BodyInput | undefined) => body && Buffer.from(body.bytes).toString();

  test('is what was on the wire, and keeps nothing of the batch', () => {
    const bytes = gzipSync('hello');
    const body = bodyOf({ responseBody: bytes, responseHead: headOf('text/plain', 'gzip') });
    assert.deepEqual(Buffer.from(body?.bytes ?? []), bytes);
    assert.equal(body?.isTruncated, false);
    assert.equal(body?.isRedacted, false);
  });

  test('is truncated when bytes are missing, or nobody saw its end', () => {
    const isTruncated = (row: Row) => bodyOf({ responseBody: 'abc', ...row })?.isTruncated;
    assert.equal(isTruncated({}), false);
    assert.equal(isTruncated({ responseBodyBytes: 4 }), true);
    assert.equal(isTruncated({ end: 'reset' }), true);
    assert.equal(isTruncated({ end: 'tunnel' }), false);
    const request = (requestEndNs: number) =>
      build({ requestBody: 'abc', requestEndNs }).input.request.body?.isTruncated;
    assert.deepEqual([request(0), request(5)], [true, false]);
  });

  test('has a length that is not exact where chunk framing was not copied', () => {
    const flags = FLAG.responseSizeInexact;
    const body = bodyOf({ responseBody: 'abc', responseBodyBytes: 3, flags });
    assert.deepEqual([body?.isLenInexact, body?.isTruncated], [true, true]);
    const request = build({ requestBody: 'abc', flags: FLAG.requestSizeInexact }).input.request
      .body;
    assert.equal(request?.isLenInexact, true);
    assert.equal(bodyOf({ responseBody: 'abc' })?.isLenInexact, false);
  });

  test('is not there where there was none, and empty where none was copied', () => {
    assert.equal(bodyOf({}), undefined);
    const uncopied = bodyOf({ responseBodyBytes: 9 }, { rules: [JSON_RULE] });
    assert.deepEqual([uncopied?.bytes.length, uncopied?.lenBytes], [0, 9]);
    assert.equal(uncopied?.isTruncated, true);
  });

  test('is kept as it was when no rule covers its type', () => {
    const body = bodyOf({ responseBody: '<a>', responseHead: headOf('text/html') }, WITH_JSON);
    assert.deepEqual([textOf(body), body?.isRedacted], ['<a>', false]);
  });

  test('is decoded and redacted, in any coding', () => {
    const json = '{"pin":"1234","name":"jane"}';
    const codings = {
      gzip: gzipSync(json),
      'x-gzip': gzipSync(json),
      deflate: deflateSync(json),
      DEFLATE: deflateRawSync(json),
      br: brotliCompressSync(json),
      zstd: zstdCompressSync(json),
      'gzip, br': brotliCompressSync(gzipSync(json)),
      identity: Buffer.from(json),
    };
    for (const [coding, bytes] of Object.entries(codings)) {
      const head = headOf('application/json', coding);
      const body = bodyOf({ responseBody: bytes, responseHead: head }, WITH_JSON);
      assert.equal(textOf(body), '{"pin":"REDACTED","name":"jane"}', coding);
      assert.equal(body?.isRedacted, true);
      assert.equal(body?.lenBytes, bytes.length, 'length of the wire');
    }
  });

  test('is decoded also where it was encoded for the transfer only', () => {
    const responseHead =
      'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: gzip, chunked\r\n\r\n';
    const rules: RedactionRule[] = [{ type: 'regex', pattern: 'c[0-9]+', action: 'mask' }];
    const body = bodyOf({ responseBody: gzipSync('a b c123'), responseHead }, { rules });
    assert.equal(textOf(body), 'a b REDACTED');
  });

  test('is masked whole when it cannot be read', () => {
    const json = '{"pin":"1234"}';
    const bomb = gzipSync(Buffer.alloc(DECODED_BYTES_MAX + 1, ' '));
    const many = Array.from({ length: 9 }, () => 'gzip').join(', ');
    let nested: Buffer = Buffer.from(json);
    for (let n = 0; n < 9; n++) nested = gzipSync(nested);
    const unreadable: Record<string, Row> = {
      'more than is looked at': {
        responseBody: JSON.stringify({ pin: '1', a: 'x'.repeat(DECODED_BYTES_MAX) }),
        responseHead: headOf('application/json'),
      },
      'a bomb': { responseBody: bomb, responseHead: headOf('application/json', 'gzip') },
      'an unknown coding': { responseBody: json, responseHead: headOf('application/json', 'aes') },
      'a wrong coding': { responseBody: json, responseHead: headOf('application/json', 'gzip') },
      'too many codings': { responseBody: nested, responseHead: headOf('application/json', many) },
      'what was cut': {
        responseBody: json.slice(0, 9),
        responseBodyBytes: json.length,
        responseHead: headOf('application/json'),
      },
      'what did not end': {
        responseBody: json,
        end: 'closed',
        responseHead: headOf('application/json'),
      },
    };
    for (const [what, row] of Object.entries(unreadable)) {
      const { input, counters } = build(row, WITH_JSON);
      assert.equal(textOf(input.response?.body), 'REDACTED', what);
      assert.equal(input.response?.body?.isRedacted, true, what);
      assert.equal(counters.get('store.bodies_masked'), 1, what);
    }
  });

  test('is read by the type and coding that were sent, also where rules hide those', () => {
    const responseBody = gzipSync('{"pin":"1234"}');
    const responseHead = headOf('application/json', 'gzip');
    for (const action of ['drop', 'mask', 'hash'] as const) {
      const rules: RedactionRule[] = [
        JSON_RULE,
        { type: 'header', name: 'content-type', action },
        { type: 'header', name: 'content-encoding', action },
      ];
      const body = bodyOf({ responseBody, responseHead }, { rules });
      assert.equal(textOf(body), '{"pin":"REDACTED"}', action);
    }
  });
});

const JSON_RULE: RedactionRule = { type: 'json', path: '$.pin', action: 'mask' };
const WITH_JSON: Setting = { rules: [JSON_RULE] };

function headOf(type: string, coding?: string): string {
  const encoding = coding === undefined ? '' : `Content-Encoding: ${coding}\r\n`;
  return `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n${encoding}\r\n`;
}
