/** What spans say where redaction took something out of the headers that they are made of. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BatchRedaction } from '../../src/rules/redaction/batch.ts';
import { compileRedaction } from '../../src/rules/redaction/redaction.ts';
import type { Action } from '../../src/rules/redaction/types.ts';
import { type Row, toBatch } from './rows.ts';
import { attributesOf, describeBatch } from './stage.ts';

const HEADERS: NonNullable<Row['headers']> = [
  ['Host', 'shop.example:8443'],
  ['X-Forwarded-For', '203.0.113.7, 10.0.0.1'],
  ['X-Forwarded-Proto', 'https'],
  ['User-Agent', 'curl/8'],
];

/** Attributes of a row of which these headers are redacted. */
function attributes(action: Action, names: readonly string[], row: Row = {}) {
  const rules = names.map((name) => ({ type: 'header', name, action }) as const);
  const compiled = compileRedaction(rules, { hashKey: Buffer.from('key') });
  assert.ok(compiled.ok);
  const batch = toBatch([{ headers: HEADERS, target: '/a?b=1', ...row }]);
  const visible = new BatchRedaction(compiled.redaction).apply(batch, () => true);
  const [span] = describeBatch(visible, { isRedacted: true });
  return Object.fromEntries(span?.attributes ?? []);
}

describe('a span of redacted headers', () => {
  test('has what is left in place of client, server and user agent', () => {
    const said = attributes('mask', ['x-forwarded-for', 'host', 'user-agent']);
    assert.equal(said['client.address'], 'REDACTED');
    assert.equal(said['server.address'], 'REDACTED');
    assert.equal(said['server.port'], undefined, 'not that of the scheme either');
    assert.equal(said['user_agent.original'], 'REDACTED');
  });

  test('has whole hashes, which look like host and port', () => {
    const said = attributes('hash', ['x-forwarded-for', 'host']);
    assert.match(String(said['client.address']), /^hash:[0-9a-f]{16}$/);
    assert.match(String(said['server.address']), /^hash:[0-9a-f]{16}$/);
    assert.equal(said['server.port'], undefined);
    const client = attributes('hash', ['host'], { client: true });
    assert.match(String(client['url.full']), /^http:\/\/hash:[0-9a-f]{16}\/a\?b=1$/);
    assert.equal(client['server.address'], said['server.address']);
  });

  test('names the peer where the header is gone', () => {
    const said = attributes('drop', ['x-forwarded-for', 'host', 'user-agent']);
    assert.equal(said['client.address'], said['network.peer.address']);
    assert.equal(said['server.address'], undefined);
    assert.equal(said['user_agent.original'], undefined);
  });

  test('has a host that only looks like a hash as host and port', () => {
    const said = attributes('mask', [], { headers: [['Host', 'hash:8080']] });
    assert.deepEqual([said['server.address'], said['server.port']], ['hash', 8080]);
  });
});

describe('a span of headers as they came', () => {
  const headerOf = (name: string, value: string) => {
    const row: Row = { headers: [[name, value]] };
    const list = attributesOf(row, { level: 'details' })[`http.request.header.${name}`];
    return Array.isArray(list) ? list[0] : undefined;
  };

  test('has no users and no secrets in the queries and fragments of URLs', () => {
    for (const [value, expected] of [
      ['http://joe:s3cret@a/b?c=1', 'http://REDACTED@a/b?c=1'],
      ['http://a/#sig=s3cret&b=1', 'http://a/#sig=REDACTED&b=1'],
      ['http://a/?b=1#sig=s3cret', 'http://a/?b=1#sig=REDACTED'],
      ['joe@shop.example', 'joe@shop.example'],
      ['#1?', '#1?'],
    ] as const) {
      assert.equal(headerOf('referer', value), expected);
    }
    assert.equal(
      headerOf('link', '<http://a/?sig=s3cret>; rel=x, <http://b/?sig=2>'),
      '<http://a/?sig=REDACTED>; rel=x, <http://b/?sig=REDACTED>',
    );
    assert.equal(
      headerOf('location', '//joe:s3cret@a/?b=1 2;sig=s 3'),
      '//REDACTED@a/?b=1 2;sig=REDACTED',
    );
    assert.equal(headerOf('x-forwarded-host', 'joe:s3cret@a'), 'REDACTED@a');
    assert.equal(headerOf('forwarded', 'for=b;host="joe:s3cret@a"'), 'for=b;host="REDACTED@a"');
    assert.equal(headerOf('host', 'joe:s3cret@shop'), 'REDACTED@shop');
  });

  test('knows a secret header with white space before its colon', () => {
    const head = 'GET / HTTP/1.1\r\nHost: a\r\nAuthorization : s3cret\r\nCookie\t: s3cret\r\n\r\n';
    const said = attributesOf({ head }, { level: 'details' });
    assert.doesNotMatch(JSON.stringify(Object.values(said)), /s3cret/);
  });

  test('has no fragment of a target', () => {
    const said = attributesOf({ target: '/a?b=1#sig=s3cret' });
    assert.deepEqual([said['url.path'], said['url.query']], ['/a', 'b=1']);
    const client = attributesOf({ target: '/a#sig=s3cret', client: true });
    assert.equal(client['url.full'], 'http://shop.example/a');
  });
});

describe('a span of targets as they came', () => {
  test('has no secret behind a semicolon, and none in URLs within path and query', () => {
    const target =
      '/p/http://joe:s3cret@x/y?a=1;sig=s3cret&u=http%3A%2F%2Fjoe:s3cret@x&n=/b?sig=s3cret';
    const path = '/p/http://REDACTED@x/y';
    const query = 'a=1;sig=REDACTED&u=http%3A%2F%2FREDACTED@x&n=/b?sig=REDACTED';
    const server = attributesOf({ target });
    assert.deepEqual([server['url.path'], server['url.query']], [path, query]);
    const client = attributesOf({ target, client: true });
    assert.ok(String(client['url.full']).endsWith(`${path}?${query}`), String(client['url.full']));
  });
});
