/** Access logs: both formats in each mode, and what is not shown. */
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Level } from '../../../src/config/levels.ts';
import { limits } from '../../../src/config/limits.ts';
import { AccessLog } from '../../../src/store/access/access-log.ts';
import type { RecordInput } from '../../../src/store/record-input.ts';
import { StandardOutput } from '../../../src/store/standard-output.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { Lines } from '../options.ts';
import { bodyOf, inputOf, requestOf, responseOf } from '../record-inputs.ts';
import { temporaryFolder } from '../temporary.ts';

const DEADLINE_MS = 10_000;

interface LogOptions {
  readonly format: 'json' | 'console';
  readonly isColoured: boolean;
  readonly bytesMax: number;
}

const JSON_TYPE = ['Content-Type', 'application/json'] as const;

const input = inputOf(
  requestOf('POST', 'http://shop.test/cart?id=1', [['Host', 'shop.test'], JSON_TYPE], {
    body: bodyOf('{"item":1}'),
  }),
  responseOf(201, [JSON_TYPE, ['Set-Cookie', 'a=****'], ['Set-Cookie', 'b=****']], {
    body: bodyOf('{"id":[1,2]}'),
  }),
  {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    requestId: 'r1',
    direction: 'egress-internal',
  },
);

/** A log into a file, and what came of it once it is done. */
function openLog(
  t: TestContext,
  { format = 'json', isColoured = false, bytesMax = 1e6 }: Partial<LogOptions> = {},
) {
  const path = join(temporaryFolder(t), 'out');
  const fd = openSync(path, 'w');
  const counters = new Counters();
  const output = new StandardOutput({ bytesMax, log: new Lines(), fd });
  const log = new AccessLog({ format, isColoured, output, counters });
  const done = async () => {
    await output.flush(DEADLINE_MS);
    closeSync(fd);
    return { text: readFileSync(path, 'utf8'), counters };
  };
  return { log, done };
}

async function printed(
  t: TestContext,
  format: 'json' | 'console',
  mode: Level,
  shown: RecordInput = input,
  isColoured = false,
): Promise<string> {
  const { log, done } = openLog(t, { format, isColoured });
  log.add(shown, mode);
  const { text, counters } = await done();
  assert.equal(counters.get('access.printed'), mode === 'none' ? 0 : 1);
  return text;
}

describe('as JSON', () => {
  test('a summary is one line without headers', async (t) => {
    assert.deepEqual(JSON.parse(await printed(t, 'json', 'summary')), {
      time: '2026-11-21T12:00:00.000Z',
      msg: 'HTTP transaction',
      bin: 'haproxy',
      direction: 'egress-internal',
      method: 'POST',
      url: 'http://shop.test/cart?id=1',
      status: 201,
      qpoint_request_id: 'r1',
      duration_ms: 12,
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      span_id: 'b7ad6b7169203331',
      end: 'complete',
    });
  });

  test('details have headers and no bodies, full has both', async (t) => {
    const details = JSON.parse(await printed(t, 'json', 'details'));
    assert.equal(details.meta.process_exe, '/usr/sbin/haproxy');
    assert.deepEqual(details.request, {
      url: 'http://shop.test/cart?id=1',
      method: 'POST',
      proto: 'http1',
      qpoint_request_id: 'r1',
      headers: { Host: 'shop.test', 'Content-Type': 'application/json' },
    });
    assert.deepEqual(details.response, {
      status: 201,
      headers: { 'Content-Type': 'application/json', 'Set-Cookie': 'a=****, b=****' },
    });
    const full = JSON.parse(await printed(t, 'json', 'full'));
    assert.equal(full.request.body, '{"item":1}');
    assert.equal(full.response.body, '{"id":[1,2]}');
  });

  test('a body is decoded, marked when it is cut, and named when it is binary', async (t) => {
    const gzipped = responseOf(200, [['Content-Encoding', 'gzip']], {
      body: bodyOf(gzipSync('hello')),
    });
    const truncated = requestOf('POST', 'http://shop.test/', [], {
      body: bodyOf('begin', { lenBytes: 99, isTruncated: true }),
    });
    const text = JSON.parse(await printed(t, 'json', 'full', inputOf(truncated, gzipped)));
    assert.equal(text.response.body, 'hello');
    assert.deepEqual(
      [text.request.body, text.request.body_truncated, text.request.body_length],
      ['begin', true, 99],
    );
    const image = responseOf(200, [], { body: bodyOf(Buffer.from([0x89, 0x50, 0, 1])) });
    const binary = JSON.parse(await printed(t, 'json', 'full', inputOf(input.request, image)));
    assert.equal(binary.response.body, '<binary>');
  });
});

describe('for people', () => {
  test('a summary is one line', async (t) => {
    assert.equal(
      await printed(t, 'console', 'summary'),
      ' ■ haproxy → POST http://shop.test/cart?id=1 201 Created\n',
    );
    const ingress = { ...input, direction: 'ingress', response: undefined, end: 'reset' } as const;
    assert.equal(
      await printed(t, 'console', 'summary', ingress),
      ' ■ haproxy ← POST http://shop.test/cart?id=1 none (reset)\n',
    );
  });

  test('coloured by class of status where that is wanted', async (t) => {
    const created = await printed(t, 'console', 'summary', input, true);
    assert.ok(created.startsWith(' \u001b[32m■\u001b[0m haproxy'));
    const failed = { ...input, response: responseOf(503) };
    assert.ok((await printed(t, 'console', 'summary', failed, true)).startsWith(' \u001b[31m■'));
  });

  test('full has boxes, and JSON with line breaks', async (t) => {
    assert.equal(
      await printed(t, 'console', 'full'),
      ` ■ haproxy → POST http://shop.test/cart?id=1 201 Created
┌─ Process/Network
│ Process: /usr/sbin/haproxy (PID: 987)
│ Container: haproxy-demo (haproxy:2.9)
│ Direction: egress-internal
│ Connection: c1
│ Duration: 12ms
│ Trace: 0af7651916cd43dd8448eb211c80319c (Span: b7ad6b7169203331)
├─ REQUEST
│ POST http://shop.test/cart?id=1 (http1)
│ Host: shop.test
│ Content-Type: application/json
│
│ {
│   "item": 1
│ }
├─ RESPONSE
│ 201 Created
│ Content-Type: application/json
│ Set-Cookie: a=****
│ Set-Cookie: b=****
│
│ {
│   "id": [
│     1,
│     2
│   ]
│ }
└─
`,
    );
  });

  test('details have no bodies', async (t) => {
    const text = await printed(t, 'console', 'details');
    assert.match(text, /^│ Set-Cookie: b=\*\*\*\*\n└─$/m);
    assert.doesNotMatch(text, /item/);
  });

  test('a binary body is named, and one that was cut is marked', async (t) => {
    const png = responseOf(200, [['Content-Type', 'image/png']], {
      body: bodyOf(Buffer.from([0x89, 0x50, 0, 1])),
    });
    const long = requestOf('POST', 'http://shop.test/', [], {
      body: bodyOf('begin', { lenBytes: 99, isTruncated: true }),
    });
    const text = await printed(t, 'console', 'full', inputOf(long, png));
    assert.match(text, /│ begin\n│ \[cut: 5 of 99 bytes\]/);
    assert.match(text, /│ \[binary, 4 bytes, image\/png\]/);
  });

  test('a body that is not at hand has its length', async (t) => {
    const large = inputOf(
      requestOf('GET', 'http://shop.test/'),
      responseOf(200, [], { bodyBytes: 5e6 }),
    );
    assert.match(await printed(t, 'console', 'full', large), /│ \[not shown: 5000000 bytes\]\n└─/);
    const { response } = JSON.parse(await printed(t, 'json', 'full', large));
    assert.deepEqual([response.body_length, response.body_truncated], [5e6, true]);
  });

  test('nothing that traffic brings steers a terminal', async (t) => {
    const evil = requestOf('GET', 'http://shop.test/', [['X', '\u001b[2J']]);
    const bare = { ...inputOf(evil, undefined), request: { ...evil, url: '/\u001b[2J\r\n' } };
    assert.equal((await printed(t, 'console', 'full', bare)).includes('\u001b'), false);
  });
});

test('mode none prints nothing', async (t) => {
  assert.equal(await printed(t, 'json', 'none'), '');
});

test('bodies that cannot be decoded, or not to the end, are counted', async (t) => {
  const { log, done } = openLog(t);
  const isGzip = ['Content-Encoding', 'gzip'] as const;
  const large = gzipSync('x'.repeat(limits.decodedBodyBytesMax + 1));
  const request = requestOf('POST', 'http://shop.test/', [isGzip], {
    body: bodyOf('not gzip at all'),
  });
  log.add(inputOf(request, responseOf(200, [isGzip], { body: bodyOf(large) })), 'full');
  const { counters } = await done();
  const names = ['store.undecoded', 'truncated.store_decoded'] as const;
  assert.deepEqual(
    names.map((name) => counters.get(name)),
    [1, 1],
  );
});

test('what standard output is too slow for is counted', async (t) => {
  const { log, done } = openLog(t, { bytesMax: 10 });
  for (let i = 0; i < 3; i++) log.add(input, 'summary');
  const { counters } = await done();
  assert.deepEqual([counters.get('access.printed'), counters.get('dropped.access_log')], [1, 2]);
});
