import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FLAG } from '../../src/handoff/layout.ts';
import { ExchangeSource } from '../../src/rules/fields/exchange-source.ts';
import type { Facts } from '../../src/rules/fields/facts.ts';
import { SCHEMA } from '../../src/rules/fields/schema.ts';
import { FALSE, MISSING, TRUE } from '../../src/rules/types.ts';
import type { Row } from '../export/rows.ts';
import { toBatch } from '../export/rows.ts';
import { expressionOf, factSource, sourceOf } from './rules.ts';

const NAMES = { [TRUE]: 'true', [FALSE]: 'false', [MISSING]: 'missing' } as const;

function ask(expression: string, row: Row, facts?: Facts): string {
  return NAMES[expressionOf(expression).test(sourceOf(row, facts))];
}

function valueIn(name: string, row: Row, facts?: Facts): unknown {
  const key = /^(.*)\["(.*)"\]$/.exec(name);
  const resolved = SCHEMA.resolve({
    kind: 'field',
    name: key?.[1] ?? name,
    key: key?.[2] ?? null,
    offset: 0,
    length: 0,
  });
  assert.ok(resolved.ok, name);
  return sourceOf(row, facts).value(resolved.value);
}

describe('fields of the request', () => {
  const target = '/api/caf%C3%A9/a%20b?x=1&y=a%26b&x=2&flag&sp=a+b&%78y=3#part';

  test('are taken from the request line', () => {
    const row: Row = { method: 'PATCH', target, version: '1.0' };
    assert.equal(valueIn('http.req.method', row), 'PATCH');
    assert.equal(valueIn('http.req.path', row), '/api/café/a b');
    assert.equal(valueIn('http.req.query', row), 'x=1&y=a%26b&x=2&flag&sp=a+b&%78y=3');
    assert.equal(valueIn('http.req.version', row), '1.0');
    assert.equal(valueIn('http.req.scheme', row), 'http');
    assert.equal(valueIn('http.req.host', row), 'shop.example');
    const url = `http://shop.example${target.replace('#part', '')}`;
    assert.equal(valueIn('http.req.url', row), url);
  });

  test('name query keys decoded, every value of them', () => {
    assert.deepEqual(valueIn('http.req.query.x', { target }), {
      kind: 'several',
      values: ['1', '2'],
    });
    assert.equal(valueIn('http.req.query.y', { target }), 'a&b');
    assert.equal(valueIn('http.req.query.flag', { target }), '');
    assert.equal(valueIn('http.req.query["sp"]', { target }), 'a b');
    assert.equal(valueIn('http.req.query.xy', { target }), '3');
    assert.equal(valueIn('http.req.query.absent', { target }), undefined);
    assert.equal(valueIn('http.req.query', { target: '/' }), undefined);
    assert.equal(valueIn('http.req.query.x', { target: '/' }), undefined);
  });

  test('know the forms of a target', () => {
    const absolute: Row = {
      target: 'http://user:pw@other.example:81/p?q',
      headers: [['Host', 'x']],
    };
    assert.equal(valueIn('http.req.host', absolute), 'other.example:81');
    assert.equal(valueIn('http.req.path', absolute), '/p');
    assert.equal(valueIn('http.req.url', absolute), 'http://other.example:81/p?q');
    const connect: Row = { method: 'CONNECT', target: 'db.example:5432' };
    assert.equal(valueIn('http.req.host', connect), 'db.example:5432');
    assert.equal(valueIn('http.req.path', connect), undefined);
    assert.equal(valueIn('http.req.path', { method: 'OPTIONS', target: '*' }), '*');
    assert.equal(valueIn('http.req.url', { headers: [] }), undefined);
  });

  test('read a request line that was cut', () => {
    const row: Row = { head: 'GET /a/b?c' };
    assert.equal(valueIn('http.req.path', row), '/a/b');
    assert.equal(valueIn('http.req.query', row), 'c');
    assert.equal(valueIn('http.req.version', row), undefined);
  });
});

describe('headers', () => {
  const row: Row = {
    headers: [
      ['Host', 'tenant-a.example'],
      ['X-Odd Name', 'odd'],
      ['Accept', 'text/html'],
      ['ACCEPT', '  application/json \t'],
      ['X-Folded', 'one\r\n   two'],
      ['X-Empty', ''],
      ['X-Latin', 'caf\xe9'],
      ['X-Utf8', 'caf\xc3\xa9'],
    ],
    responseHead: 'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n\r\n',
  };

  test('are found by name in any case', () => {
    assert.equal(ask('http.req.headers.X-ODD == "x"', row), 'missing');
    assert.equal(ask('http.req.headers["x-odd name"] == "odd"', row), 'true');
    assert.equal(ask('http.req.headers.Host == "tenant-a.example"', row), 'true');
    assert.equal(ask('http.req.headers.host matches /^tenant-a\\./', row), 'true');
    assert.equal(ask('http.req.headers.host matches /^tenant-b\\./', row), 'false');
  });

  test('that are repeated match by any value', () => {
    assert.equal(ask('http.req.headers.accept == "application/json"', row), 'true');
    assert.equal(ask('http.req.headers.accept contains "html"', row), 'true');
    assert.equal(ask('http.req.headers.accept == "text/plain"', row), 'false');
    assert.equal(ask('http.res.headers.set-cookie matches /^b=/', row), 'true');
  });

  test('are unfolded, may be empty, and are missing when they are', () => {
    assert.equal(ask('http.req.headers.x-folded == "one two"', row), 'true');
    assert.equal(ask('http.req.headers.x-empty == ""', row), 'true');
    assert.equal(ask('http.req.headers.x-empty', row), 'false');
    assert.equal(ask('http.req.headers.x-none != ""', row), 'missing');
    assert.equal(ask('http.res.headers.x-none != ""', { ...row, responseHead: '' }), 'missing');
  });

  test('are UTF-8, or Latin-1 where they are not', () => {
    assert.equal(ask('http.req.headers.x-latin == "café"', row), 'true');
    assert.equal(ask('http.req.headers.x-utf8 == "café"', row), 'true');
    assert.equal(ask('http.req.headers.x-utf8 matches /caf.$/', row), 'true');
  });

  test('in great number are all found', () => {
    const headers = Array.from({ length: 300 }, (_, i): [string, string] => [`x-${i}`, `${i}`]);
    assert.equal(ask('http.req.headers.x-299 == "299"', { headers }), 'true');
  });
});

describe('fields of the response', () => {
  const row: Row = {
    status: 503,
    startNs: 1e9,
    endNs: 1e9 + 1_234_500_000,
    requestBodyBytes: 10,
    responseBodyBytes: 2_000,
    ownNs: 50_500_000,
    responseHead: 'HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n',
  };

  test('are status, times and sizes', () => {
    assert.equal(valueIn('http.res.status', row), 503);
    assert.equal(valueIn('http.res.duration_ms', row), 1_234.5);
    assert.equal(valueIn('http.res.ttfb_ms', row), undefined);
    assert.equal(valueIn('http.req.body_bytes', row), 10);
    assert.equal(valueIn('http.res.body_bytes', row), 2_000);
    assert.equal(valueIn('http.res.transfer-encoding', row), 'chunked');
    assert.equal(valueIn('link.own_ms', row), 50.5);
  });

  test('are missing when they were not seen', () => {
    assert.equal(ask('http.res.status < 600', { status: 0 }), 'missing');
    assert.equal(ask('http.res.duration_ms > 0', { end: 'lost' }), 'missing');
    assert.equal(ask('http.res.duration_ms > 0', { end: 'closed' }), 'true');
    assert.equal(ask('link.own_ms >= 0', {}), 'missing');
  });

  test('name how an exchange ended that did not complete', () => {
    assert.equal(ask('http.res.error == "reset"', { end: 'reset' }), 'true');
    assert.equal(ask('http.res.error == "reset"', { end: 'complete' }), 'missing');
    assert.equal(ask('http.res.error == "reset"', { end: 'tunnel' }), 'missing');
  });
});

describe('ends of the connection', () => {
  test('have direction, address, port and domain', () => {
    const egress: Row = {
      client: true,
      remote: ['10.1.2.3', 9001],
      headers: [['Host', 'API.internal:9001']],
    };
    assert.equal(valueIn('direction', {}), 'ingress');
    assert.equal(valueIn('direction', egress), 'egress-internal');
    assert.equal(valueIn('direction', { ...egress, remote: ['1.2.3.4', 80] }), 'egress-external');
    assert.equal(ask('dst.ip in 10.0.0.0/8 and dst.port == 9001', egress), 'true');
    assert.equal(ask('src.ip == 127.0.0.1 and src.port == 8080', egress), 'true');
    assert.equal(valueIn('dst.domain', egress), 'api.internal');
    assert.equal(valueIn('dst.domain', { ...egress, headers: [['Host', '10.1.2.3']] }), undefined);
    assert.equal(valueIn('dst.domain', { ...egress, headers: [['Host', '[::1]:80']] }), undefined);
    assert.equal(valueIn('dst.domain', {}), undefined);
  });

  test('of Unix sockets have no address', () => {
    const row: Row = { client: true, family: 1, remote: ['/run/app.sock', 0] };
    assert.equal(valueIn('type', row), 'unix');
    assert.equal(valueIn('direction', row), 'egress-internal');
    assert.equal(ask('dst.ip in 10.0.0.0/8', row), 'missing');
    assert.equal(ask('dst.port == 0', row), 'missing');
  });

  test('of IPv6 are addresses too', () => {
    const row: Row = { client: true, family: 6, remote: ['2001:db8::7', 443] };
    assert.equal(ask('dst.ip in 2001:db8::/32', row), 'true');
    assert.equal(ask('dst.ip in [10.0.0.0/8, 2001:db8::/127]', row), 'false');
    assert.equal(valueIn('direction', row), 'egress-external');
  });
});

describe('what other stages know', () => {
  const facts: Facts = {
    'src.process.path': '/usr/sbin/nginx',
    'src.process.pid': 42,
    'src.container.labels.app.kubernetes.io/name': 'shop',
    'src.process.env.STAGE': 'prod',
    tags: ['env:prod', 'team:shop'],
    'tls.version': 1.3,
    'tls.alpn': ['h2', 'http/1.1'],
    'link.changed.path': true,
    'link.removed.headers': ['upgrade', 'connection'],
  };

  test('is asked for by the names of the schema', () => {
    assert.equal(
      ask('src.process.path == "/usr/sbin/nginx" and src.process.pid == 42', {}, facts),
      'true',
    );
    assert.equal(
      ask('src.container.labels["app.kubernetes.io/name"] == "shop"', {}, facts),
      'true',
    );
    assert.equal(ask('src.process.env.STAGE == "prod"', {}, facts), 'true');
    assert.equal(ask('tags contains "env:prod"', {}, facts), 'true');
    assert.equal(ask('tags contains "env"', {}, facts), 'false');
    assert.equal(ask('tls.version >= 1.2 and tls.alpn contains "h2"', {}, facts), 'true');
    assert.equal(
      ask('link.changed.path and link.removed.headers contains "upgrade"', {}, facts),
      'true',
    );
  });

  test('is missing when it is not known', () => {
    for (const expression of [
      'src.process.path == "x"',
      'src.pod.name != ""',
      'tls.version >= 1.2',
      'link.changed.path',
      'not link.changed.path',
      'link.removed.headers contains "upgrade"',
    ]) {
      assert.equal(ask(expression, {}), 'missing', expression);
    }
    assert.equal(ask('tags contains "a"', {}), 'false');
  });

  test('follows a process that becomes another program', () => {
    let facts: Facts = { 'src.process.path': '/a' };
    const source = new ExchangeSource({ ...factSource(), process: () => facts });
    const { test: isB } = expressionOf('src.process.path == "/b"');
    source.open(toBatch([{}]));
    assert.equal(isB(source), FALSE);
    facts = { 'src.process.path': '/b' };
    source.seek(0);
    assert.equal(isB(source), TRUE);
  });
});

test('TLS and the link come from the flags and columns of the row', () => {
  assert.equal(ask('tls.enabled', { flags: FLAG.tls }), 'true');
  assert.equal(ask('!tls.enabled', {}), 'true');
  assert.equal(
    ask('link.tier == "exact.state" and link.confidence > 0.9', {
      tier: 'exact.state',
      confidence: 0.999,
    }),
    'true',
  );
  assert.equal(ask('link.resend >= 1', { resendCount: 1 }), 'true');
  assert.equal(
    valueIn('http.req.url', { flags: FLAG.tls, target: '/a' }),
    'https://shop.example/a',
  );
});

test('a source that steps to the next row forgets the one before', () => {
  const source = new ExchangeSource(factSource());
  source.open(
    toBatch([
      { target: '/a%20b', headers: [['X', '1']] },
      { target: '/c', headers: [['X', '2']] },
    ]),
  );
  const path = expressionOf('http.req.path == "/c" and http.req.headers.x == "2"');
  assert.equal(path.test(source), FALSE);
  source.seek(1);
  assert.equal(path.test(source), TRUE);
});

test('every field of the schema has a reader or comes from facts', () => {
  const samples: Facts = Object.fromEntries(
    SCHEMA.fields.map(({ name, type }) => {
      const value = { text: 'x', address: '10.0.0.1', number: 7, flag: true, words: ['x'], any: 0 }[
        type
      ];
      return [name.replace('.*', '.k'), value];
    }),
  );
  const row: Row = {
    client: true,
    target: '/p?k=1',
    headers: [
      ['Host', 'h.example'],
      ['K', 'v'],
    ],
    responseHead: 'HTTP/1.1 200 OK\r\nK: v\r\nTransfer-Encoding: chunked\r\n\r\n',
    end: 'closed',
    ownNs: 1,
  };
  const batch = toBatch([row]);
  batch.f64[3] = batch.f64[0] + 5;
  const source = new ExchangeSource(factSource(samples));
  source.open(batch);
  for (const { name } of SCHEMA.fields) {
    const resolved = SCHEMA.resolve({
      kind: 'field',
      name: name.replace('.*', '.k'),
      key: null,
      offset: 0,
      length: 0,
    });
    assert.ok(resolved.ok && source.value(resolved.value) !== undefined, name);
  }
});
