import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SENSITIVE_QUERY_KEYS } from '../../src/config/secrets.ts';
import { Scratch } from '../../src/export/bytes.ts';
import { firstElement, forwardedParameter, Slice } from '../../src/export/forwarded.ts';
import { QueryRedaction } from '../../src/export/redaction.ts';

function redact(query: string, redaction = new QueryRedaction()): string {
  const bytes = Buffer.from(`?${query}#`);
  const end = bytes.length - 1;
  if (!redaction.isNeeded(bytes, 1, end)) return query;
  const scratch = new Scratch();
  redaction.append(bytes, 1, end, scratch);
  return Buffer.from(scratch.source.bytes.subarray(0, scratch.pos)).toString();
}

describe('a query', () => {
  for (const key of SENSITIVE_QUERY_KEYS) {
    test(`loses the value of ${key}, wherever it stands`, () => {
      assert.equal(redact(`${key}=s3cret`), `${key}=REDACTED`);
      assert.equal(redact(`a=1&${key}=s3cret&b=2`), `a=1&${key}=REDACTED&b=2`);
    });
  }

  for (const [query, expected] of [
    ['', ''],
    ['a=1&b=2', 'a=1&b=2'],
    ['SIG=case-sensitive', 'SIG=case-sensitive'],
    ['signature=x', 'signature=x'],
    ['sig', 'sig'],
    ['sig&a=1', 'sig&a=1'],
    ['sig=', 'sig=REDACTED'],
    ['sig=a=b', 'sig=REDACTED'],
    ['&&sig=a&&', '&&sig=REDACTED&&'],
    ['sig=a&sig=b', 'sig=REDACTED&sig=REDACTED'],
    ['s%69g=a&x=%41', 's%69g=REDACTED&x=%41'],
    ['x=sig&mysig=1&sigx=2', 'x=sig&mysig=1&sigx=2'],
    ['a=1;sig=s3cret;b=2', 'a=1;sig=REDACTED'],
    ['a=1&amp;sig=s3cret', 'a=1&amp;sig=REDACTED'],
    ['a=1;b=2', 'a=1;b=2'],
    ['u=http://joe:s3cret@x/', 'u=http://REDACTED@x/'],
    ['u=http%3A%2F%2Fjoe:s3cret%40x', 'u=http%3A%2F%2FREDACTED@x'],
    ['n=%2Fb%3Fsig%3Ds3cret&c', 'n=%2Fb%3Fsig%3DREDACTED&c'],
    ['mail=joe@x.example', 'mail=joe@x.example'],
  ] as const) {
    test(JSON.stringify(query), () => assert.equal(redact(query), expected));
  }

  test('is redacted by a list of the user instead of the default one', () => {
    const redaction = new QueryRedaction(['token']);
    assert.equal(redact('token=a&sig=b', redaction), 'token=REDACTED&sig=b');
  });

  test('of any bytes neither throws nor keeps a secret', () => {
    for (let byte = 0; byte < 256; byte++) {
      const redacted = redact(`sig=s3cret&${String.fromCharCode(byte)}=%&%zz=1`);
      assert.ok(!redacted.includes('s3cret'));
    }
  });
});

describe('Forwarded', () => {
  const read = (header: string, name: string): string | undefined => {
    const bytes = Buffer.from(`<${header}>`);
    const slice = new Slice();
    const isFound = forwardedParameter(bytes, 1, bytes.length - 1, name, slice);
    return isFound ? bytes.toString('utf8', slice.start, slice.end) : undefined;
  };
  for (const [header, name, expected] of [
    ['for=192.0.2.43', 'for', '192.0.2.43'],
    ['for="[2001:db8:cafe::17]:4711"', 'for', '[2001:db8:cafe::17]:4711'],
    ['for=192.0.2.60;proto=http;by=203.0.113.43', 'proto', 'http'],
    ['For=a; Proto=HTTPS ;host="h:1"', 'proto', 'HTTPS'],
    ['For=a; Proto=HTTPS ;host="h:1"', 'host', 'h:1'],
    ['for=a, for=b;host=second', 'host', undefined],
    ['for="a;b,c";host=h', 'host', 'h'],
    ['for="a\\"b";host=h', 'for', undefined],
    ['for="open', 'for', undefined],
    ['for=', 'for', undefined],
    [';;host=h', 'host', 'h'],
    ['', 'for', undefined],
    ['nonsense', 'for', undefined],
  ] as const) {
    test(`${JSON.stringify(header)} ${name}`, () => assert.equal(read(header, name), expected));
  }
});

test('the first member of a list is the one next to the client', () => {
  const bytes = Buffer.from(' 203.0.113.7 , 10.0.0.1');
  const slice = new Slice();
  assert.ok(firstElement(bytes, 0, bytes.length, slice));
  assert.equal(bytes.toString('utf8', slice.start, slice.end), '203.0.113.7');
  assert.equal(firstElement(Buffer.from(' , x'), 0, 4, slice), false);
});
