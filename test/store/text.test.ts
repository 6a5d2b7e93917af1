import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { RecordInput } from '../../src/store/record-input.ts';
import { formatText } from '../../src/store/text.ts';
import { bodyOf, inputOf, requestOf, responseOf } from './record-inputs.ts';

const golden = (name: string) =>
  readFileSync(join(import.meta.dirname, 'golden', `${name}.txt`), 'utf8');
const LIMITS = { decodedBytesMax: 1024, codingsMax: 8 };
const JSON_TYPE = ['Content-Type', 'application/json'] as const;
const ALICE = '{"name": "Alice", "role": "admin"}';

function printer() {
  const noted = { undecoded: 0, cut: 0 };
  const events = { undecoded: () => noted.undecoded++, cut: () => noted.cut++ };
  const print = (input: RecordInput) => formatText(input, LIMITS, events);
  return { noted, print };
}

const get = (more: Parameters<typeof requestOf>[3] = {}) =>
  requestOf('GET', 'http://x.test/', [['Host', 'x.test']], more);

describe('the text of the guides', () => {
  test('HAProxy: POST in front and behind', async () => {
    const { print } = printer();
    const answer =
      '{"service":"backend-api-1","port":"8001","method":"POST",' +
      '"received":"{\\"name\\": \\"Alice\\", \\"role\\": \\"admin\\"}",' +
      '"message":"POST received by backend-api-1"}';
    const headers = [['Host', 'localhost:8085'], ['User-Agent', 'curl/7.81.0'], JSON_TYPE] as const;
    const ingress = inputOf(
      requestOf('POST', 'http://localhost:8085/api/create', headers, { body: bodyOf(ALICE) }),
      responseOf(200, [JSON_TYPE], { body: bodyOf(answer) }),
    );
    const egress = inputOf(
      requestOf('POST', 'http://backend-api-1:8001/api/create', [], { body: bodyOf(ALICE) }),
      responseOf(200),
      { direction: 'egress-internal', durationMs: 8 },
    );
    assert.equal((await print(ingress)) + (await print(egress)), golden('haproxy'));
  });

  test('Traefik: prefix stripped, headers added', async () => {
    const { print } = printer();
    const process = {
      ...inputOf(get(), undefined).process,
      pid: 789,
      name: 'traefik',
      container: { name: 'traefik-demo', image: '' },
    };
    const answer =
      '{"service":"service-a","method":"POST",' +
      '"received":"{\\"name\\": \\"Alice\\", \\"role\\": \\"admin\\"}",' +
      '"message":"POST received by service-a"}';
    const headers = [['Host', 'localhost:8083'], ['User-Agent', 'curl/7.81.0'], JSON_TYPE] as const;
    const url = 'http://localhost:8083/api/service-a/users';
    const ingress = inputOf(
      requestOf('POST', url, headers, { body: bodyOf(ALICE) }),
      responseOf(200, [JSON_TYPE], { body: bodyOf(answer) }),
      { process, durationMs: 8 },
    );
    const added = [
      ['X-Forwarded-For', '172.18.0.1'],
      ['X-Forwarded-Proto', 'http'],
    ] as const;
    const egress = inputOf(
      requestOf('POST', 'http://service-a:8000/users', added, { body: bodyOf(ALICE) }),
      responseOf(200),
      { process, direction: 'egress-internal', durationMs: 5 },
    );
    assert.equal((await print(ingress)) + (await print(egress)), golden('traefik'));
  });
});

describe('text output', () => {
  test('names trace, parent, first byte and loss where there are any', async () => {
    const { print } = printer();
    const text = await print(
      inputOf(get(), responseOf(204), {
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
        parentSpanId: '00f067aa0ba902b7',
        linkTier: 'exact.state',
        ttfbMs: 1.2345,
        peer: '10.0.0.1:51234',
        hasLoss: true,
      }),
    );
    assert.match(text, /^Time To First Byte: 1.23ms\nPeer: 10\.0\.0\.1:51234$/m);
    assert.match(
      text,
      /^Trace: 0af7651916cd43dd8448eb211c80319c \(Span: b7ad6b7169203331, Parent: 00f067aa0ba902b7 by exact.state\)$/m,
    );
    assert.match(text, /^Lost: /m);
    assert.match(text, /^Status: 204 No Content$/m);
  });

  test('ends with what the proxy changed', async () => {
    const { print } = printer();
    const changeLines = ['Path: /api/a -> /a', 'Header added: X-Forwarded-For'];
    const text = await print(inputOf(get(), responseOf(200), { level: 'summary', changeLines }));
    assert.match(
      text,
      /\n\n--- Changed by the Proxy ---\nPath: \/api\/a -> \/a\nHeader added: X-Forwarded-For\n===/,
    );
  });

  test('says why there is no status, and that a duration is unknown', async () => {
    const { print } = printer();
    const text = await print(inputOf(get(), undefined, { end: 'reset', durationMs: undefined }));
    assert.match(text, /^Status: none \(reset\)\nDuration: unknown$/m);
  });

  test('shows neither headers nor bodies of a summary', async () => {
    const { print } = printer();
    const request = get({ body: bodyOf('secret') });
    const text = await print(inputOf(request, responseOf(200), { level: 'summary' }));
    assert.ok(!text.includes('---') && !text.includes('secret'));
  });

  test('decodes an encoded body', async () => {
    const { print } = printer();
    const headers = [['content-encoding', 'gzip']] as const;
    const response = responseOf(200, headers, { body: bodyOf(gzipSync('plain text')) });
    assert.match(await print(inputOf(get(), response)), /--- Response Body ---\nplain text\n===/);
  });

  test('shows a redacted body as it is stored: decoded', async () => {
    const { print } = printer();
    const body = bodyOf('{"password":"***"}', { isRedacted: true });
    const response = responseOf(200, [['Content-Encoding', 'br']], { body });
    assert.match(await print(inputOf(get(), response)), /\n\{"password":"\*\*\*"\}\n===/);
  });

  test('names binary content instead of showing it', async () => {
    const { print } = printer();
    const png = Buffer.from('89504e470d0a1a0a0000000d', 'hex');
    const response = responseOf(200, [['Content-Type', 'image/png']], { body: bodyOf(png) });
    assert.match(await print(inputOf(get(), response)), /\n\[binary, 12 bytes, image\/png\]\n===/);
  });

  test('marks what is truncated, and what is cut for being too long', async () => {
    const { print, noted } = printer();
    const truncated = bodyOf('only the beg', { lenBytes: 5_000, isTruncated: true });
    const bomb = bodyOf(gzipSync('x'.repeat(1_000_000)));
    const text = await print(
      inputOf(
        get({ body: truncated }),
        responseOf(200, [['Content-Encoding', 'gzip']], { body: bomb }),
      ),
    );
    assert.match(text, /only the beg\n\[truncated: 12 of 5000 bytes\]/);
    assert.match(text, /\nx{1024}\n\[cut: only the first 1024 decoded bytes are shown\]\n===/);
    assert.equal(noted.cut, 1);
  });

  test('tells a body that stopped, and one of which the length is not exact', async () => {
    const { print } = printer();
    const stopped = bodyOf('abc', { lenBytes: 3, isTruncated: true });
    const loose = bodyOf('abc', { lenBytes: 90, isTruncated: true, isLenInexact: true });
    const text = await print(inputOf(get({ body: stopped }), responseOf(200, [], { body: loose })));
    assert.match(text, /abc\n\[incomplete: nothing was seen behind 3 bytes\]/);
    assert.match(text, /abc\n\[truncated: 3 of at most 90 bytes\]/);
  });

  test('says so when a body is not what its coding says, and counts it', async () => {
    const { print, noted } = printer();
    const response = responseOf(200, [['Content-Encoding', 'zstd']], { body: bodyOf('no') });
    assert.match(await print(inputOf(get(), response)), /\[binary, 2 bytes, zstd not decoded: /);
    assert.equal(noted.undecoded, 1);
  });

  test('lets no header, target or body steer a terminal', async () => {
    const { print } = printer();
    const headers = [['X-Evil', 'a\u001b[2Jb']] as const;
    const request = requestOf('GET', 'http://x.test/', headers, {
      url: 'http://x.test/\u001b]0;t\u0007',
      body: bodyOf('line\u001b[31m\r\nnext\tcell'),
    });
    const text = await print(inputOf(request, undefined));
    assert.ok(!text.includes('\u001b') && !text.includes('\u0007'));
    assert.match(text, /^X-Evil: a\\x1b\[2Jb$/m);
    assert.match(text, /^line\\x1b\[31m\nnext\tcell$/m);
  });
});
