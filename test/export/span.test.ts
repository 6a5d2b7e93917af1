/** The semantic conventions, rule by rule, as tables. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FLAG } from '../../src/handoff/layout.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import type { Row } from './rows.ts';
import { attributesOf, describeRows, OFFSET_NS } from './stage.ts';

const HOST = ['Host', 'shop.example'] as const;

/** Only the named attributes; undefined for those that are absent. */
function pick(row: Row, ...names: string[]): unknown[] {
  const attributes = attributesOf(row);
  return names.map((name) => attributes[name]);
}

function only(row: Row) {
  const [span] = describeRows([row]);
  assert.ok(span !== undefined);
  return span;
}

describe('an ordinary SERVER span', () => {
  const row: Row = {
    method: 'POST',
    target: '/orders/42?full=1',
    headers: [
      ['Host', 'shop.example:8080'],
      ['User-Agent', 'curl/8'],
    ],
    status: 201,
    requestBodyBytes: 10,
    responseBodyBytes: 20,
    ordinal: 3,
    local: ['192.0.2.1', 8080],
    remote: ['203.0.113.9', 51_234],
  };

  test('has exactly these attributes', () => {
    assert.deepEqual(attributesOf(row), {
      'http.request.method': 'POST',
      'url.scheme': 'http',
      'network.protocol.version': '1.1',
      'network.transport': 'tcp',
      'url.path': '/orders/42',
      'url.query': 'full=1',
      'server.address': 'shop.example',
      'server.port': 8080,
      'client.address': '203.0.113.9',
      'user_agent.original': 'curl/8',
      'network.peer.address': '203.0.113.9',
      'network.peer.port': 51_234,
      'network.local.address': '192.0.2.1',
      'network.local.port': 8080,
      'spantap.connection.exchange': 3,
      'http.request.body.size': 10,
      'http.response.body.size': 20,
      'http.response.status_code': 201,
    });
  });

  test('is named by its method, never by its path', () => {
    assert.deepEqual([only(row).name, only(row).kind], ['POST', 2]);
  });
});

describe('an ordinary CLIENT span', () => {
  const row: Row = {
    client: true,
    target: '/orders/42?full=1',
    headers: [
      ['Host', 'backend'],
      ['User-Agent', 'curl/8'],
      ['X-Forwarded-For', '203.0.113.9'],
    ],
    tier: 'exact.state',
    confidence: 1,
    local: ['192.0.2.1', 40_000],
    remote: ['192.0.2.2', 9001],
  };

  test('has exactly these attributes', () => {
    assert.deepEqual(attributesOf(row), {
      'http.request.method': 'GET',
      'network.protocol.version': '1.1',
      'network.transport': 'tcp',
      'server.address': 'backend',
      'server.port': 80,
      'url.full': 'http://backend/orders/42?full=1',
      'network.peer.address': '192.0.2.2',
      'network.peer.port': 9001,
      'network.local.address': '192.0.2.1',
      'network.local.port': 40_000,
      'spantap.connection.exchange': 1,
      'http.response.body.size': 0,
      'spantap.link.tier': 'exact.state',
      'spantap.link.confidence': { double: 1 },
      'http.response.status_code': 200,
    });
  });

  test('is named by its method', () => {
    assert.deepEqual([only(row).name, only(row).kind], ['GET', 3]);
  });
});

describe('the method', () => {
  for (const method of [
    'GET',
    'HEAD',
    'PUT',
    'DELETE',
    'CONNECT',
    'OPTIONS',
    'TRACE',
    'PATCH',
    'QUERY',
  ]) {
    test(`${method} is known`, () => {
      const span = only({ method });
      assert.equal(span.name, method);
      assert.equal(Object.fromEntries(span.attributes)['http.request.method'], method);
      assert.equal(Object.fromEntries(span.attributes)['http.request.method_original'], undefined);
    });
  }

  for (const method of ['get', 'BREW', 'PROPFIND', 'X']) {
    test(`${method} is _OTHER with its original, and the span is named HTTP`, () => {
      const span = only({ method });
      assert.equal(span.name, 'HTTP');
      assert.equal(Object.fromEntries(span.attributes)['http.request.method'], '_OTHER');
      assert.equal(Object.fromEntries(span.attributes)['http.request.method_original'], method);
    });
  }

  test('list of the user replaces the default one', () => {
    const options = { knownMethods: ['BREW'] };
    assert.equal(attributesOf({ method: 'BREW' }, options)['http.request.method'], 'BREW');
    assert.equal(attributesOf({ method: 'GET' }, options)['http.request.method'], '_OTHER');
  });
});

describe('url.scheme, server.address and server.port of a SERVER', () => {
  const names = ['url.scheme', 'server.address', 'server.port'];
  const cases: readonly (readonly [string, Row, readonly unknown[]])[] = [
    ['Host without a port', { headers: [HOST] }, ['http', 'shop.example', 80]],
    ['Host with one', { headers: [['Host', 'h:81']] }, ['http', 'h', 81]],
    ['Host that is IPv6', { headers: [['Host', '[::1]:82']] }, ['http', '::1', 82]],
    ['TLS', { headers: [HOST], flags: FLAG.tls }, ['https', 'shop.example', 443]],
    ['no Host', { headers: [], version: '1.0' }, ['http', undefined, undefined]],
    [
      'X-Forwarded-Proto',
      { headers: [HOST, ['X-Forwarded-Proto', 'HTTPS']] },
      ['https', 'shop.example', 443],
    ],
    [
      'several X-Forwarded',
      { headers: [HOST, ['X-Forwarded-Proto', 'https, http'], ['X-Forwarded-Host', 'pub:444, b']] },
      ['https', 'pub', 444],
    ],
    [
      'Forwarded before X-Forwarded',
      {
        headers: [
          HOST,
          ['X-Forwarded-Host', 'x'],
          ['X-Forwarded-Proto', 'http'],
          ['Forwarded', 'for=1.2.3.4;proto=https;host="f:9"'],
        ],
      },
      ['https', 'f', 9],
    ],
    [
      'a scheme that is neither',
      { headers: [HOST, ['X-Forwarded-Proto', 'wss']] },
      ['wss', 'shop.example', undefined],
    ],
    [
      'the absolute target before Host',
      { headers: [HOST], target: 'http://target:83/x' },
      ['http', 'target', 83],
    ],
    ['credentials', { headers: [['Host', 'u:p@h:84']] }, ['http', 'h', 84]],
  ];
  for (const [name, row, expected] of cases) {
    test(name, () => assert.deepEqual(pick(row, ...names), expected));
  }
});

describe('client.address', () => {
  const cases: readonly (readonly [string, Row, unknown])[] = [
    ['the peer', {}, '10.0.0.9'],
    [
      'X-Forwarded-For, first',
      { headers: [['X-Forwarded-For', '203.0.113.7, 10.1.1.1']] },
      '203.0.113.7',
    ],
    ['with a port', { headers: [['X-Forwarded-For', '203.0.113.7:99']] }, '203.0.113.7'],
    ['bare IPv6', { headers: [['X-Forwarded-For', '2001:db8::1']] }, '2001:db8::1'],
    ['Forwarded', { headers: [['Forwarded', 'for="[2001:db8::1]:99"']] }, '2001:db8::1'],
    ['obfuscated', { headers: [['Forwarded', 'for=_hidden']] }, '_hidden'],
    ['unknown: the peer', { headers: [['Forwarded', 'for=unknown']] }, '10.0.0.9'],
    ['a Unix socket has none', { family: 1, remote: ['', 0] }, undefined],
  ];
  for (const [name, row, expected] of cases) {
    test(name, () => assert.deepEqual(pick(row, 'client.address'), [expected]));
  }
});

describe('body sizes', () => {
  const SIZES = ['http.request.body.size', 'http.response.body.size'] as const;
  const both = { requestBodyBytes: 3, responseBodyBytes: 4 };
  const cases: readonly (readonly [string, Row, readonly unknown[]])[] = [
    ['of whole messages', both, [3, 4]],
    ['of messages without a body', { status: 204 }, [undefined, 0]],
    ['as far as they are known', { ...both, flags: FLAG.responseTruncated }, [3, 4]],
    [
      'are left out when a cut head hides them',
      { flags: FLAG.responseTruncated },
      [undefined, undefined],
    ],
  ];
  for (const [name, row, expected] of cases) {
    test(name, () => assert.deepEqual(pick(row, ...SIZES), expected));
  }
});

describe('url.path and url.query of a SERVER', () => {
  for (const [target, path, query] of [
    ['/', '/', undefined],
    ['/a?', '/a', undefined],
    ['/a?b', '/a', 'b'],
    ['*', '*', undefined],
    ['http://h', '/', undefined],
    ['http://h?q=1', '/', 'q=1'],
    ['/a?sig=secret&b=1', '/a', 'sig=REDACTED&b=1'],
    ['/\xc3\xa9', '/é', undefined],
    ['/\xe9', '/é', undefined],
  ] as const) {
    test(target, () => assert.deepEqual(pick({ target }, 'url.path', 'url.query'), [path, query]));
  }

  test('CONNECT has neither', () => {
    const row = { method: 'CONNECT', target: 'h:443' };
    assert.deepEqual(pick(row, 'url.path', 'url.query', 'server.address', 'server.port'), [
      undefined,
      undefined,
      'h',
      443,
    ]);
  });
});

describe('url.full of a CLIENT', () => {
  const remote: Row = { client: true, remote: ['192.0.2.2', 9001] };
  const cases: readonly (readonly [string, Row, unknown])[] = [
    ['from Host', { target: '/x', headers: [['Host', 'h:81']] }, 'http://h:81/x'],
    ['over TLS', { target: '/x', headers: [['Host', 'h']], flags: FLAG.tls }, 'https://h/x'],
    ['absolute target', { target: 'http://t:1/x?y', headers: [HOST] }, 'http://t:1/x?y'],
    ['credentials', { target: 'http://u:p@t/x' }, 'http://REDACTED:REDACTED@t/x'],
    ['a user alone', { target: 'http://u@t/x' }, 'http://REDACTED@t/x'],
    [
      'secrets of the query',
      { target: '/x?X-Amz-Signature=s' },
      'http://shop.example/x?X-Amz-Signature=REDACTED',
    ],
    ['without Host: the peer', { headers: [], target: '/x' }, 'http://192.0.2.2:9001/x'],
    [
      'without Host over IPv6',
      { headers: [], target: '/x', family: 6, remote: ['2001:db8::1', 81] },
      'http://[2001:db8::1]:81/x',
    ],
    [
      'without Host over a Unix socket: none',
      { headers: [], family: 1, remote: ['/s', 0] },
      undefined,
    ],
    ['CONNECT', { method: 'CONNECT', target: 'h:443' }, 'http://h:443'],
    ['asterisk-form', { method: 'OPTIONS', target: '*' }, 'http://shop.example'],
  ];
  for (const [name, row, expected] of cases) {
    test(name, () => assert.deepEqual(pick({ ...remote, ...row }, 'url.full'), [expected]));
  }

  test('without Host server.address is the connected address', () => {
    const row = { ...remote, headers: [] };
    assert.deepEqual(pick(row, 'server.address', 'server.port'), ['192.0.2.2', 9001]);
  });
});

describe('the connection', () => {
  test('over a Unix socket has a path and no port', () => {
    const row: Row = { family: 1, local: ['/run/app.sock', 0], remote: ['', 0] };
    assert.deepEqual(
      pick(
        row,
        'network.transport',
        'network.local.address',
        'network.local.port',
        'network.peer.address',
      ),
      ['unix', '/run/app.sock', undefined, undefined],
    );
  });

  test('has no ordinal when its start was not seen', () => {
    assert.deepEqual(pick({ ordinal: 0 }, 'spantap.connection.exchange'), [undefined]);
  });

  test('speaks HTTP/1.0 or 1.1', () => {
    assert.deepEqual(pick({ version: '1.0' }, 'network.protocol.version'), ['1.0']);
    assert.deepEqual(pick({ version: '1.1' }, 'network.protocol.version'), ['1.1']);
  });
});

describe('status and error.type', () => {
  const client = true;
  const cases: readonly (readonly [string, Row, 'unset' | 'error', unknown])[] = [
    ['SERVER 200', { status: 200 }, 'unset', undefined],
    ['SERVER 302', { status: 302 }, 'unset', undefined],
    ['SERVER 404', { status: 404 }, 'unset', undefined],
    ['SERVER 500', { status: 500 }, 'error', '500'],
    ['SERVER 599', { status: 599 }, 'error', '599'],
    ['CLIENT 200', { client, status: 200 }, 'unset', undefined],
    ['CLIENT 304', { client, status: 304 }, 'unset', undefined],
    ['CLIENT 404', { client, status: 404 }, 'error', '404'],
    ['CLIENT 503', { client, status: 503 }, 'error', '503'],
    [
      'closed before a response',
      { client, status: 0, end: 'closed' },
      'error',
      'connection_closed',
    ],
    ['reset before a response', { client, status: 0, end: 'reset' }, 'error', 'connection_reset'],
    ['closed inside a 200', { client, status: 200, end: 'closed' }, 'error', 'connection_closed'],
    ['reset inside a 200', { status: 200, end: 'reset' }, 'error', 'connection_reset'],
    ['closed inside a 500', { status: 500, end: 'closed' }, 'error', '500'],
    [
      'garbage instead of a response',
      { client, status: 0, end: 'invalid' },
      'error',
      'invalid_message',
    ],
    ['garbage behind a head', { client, status: 200, end: 'invalid' }, 'unset', undefined],
    ['an end that was lost', { client, status: 0, end: 'lost' }, 'unset', undefined],
    ['an agent that stops', { status: 0, end: 'detached' }, 'unset', undefined],
    ['a tunnel', { status: 101, end: 'tunnel' }, 'unset', undefined],
  ];
  for (const [name, row, code, errorType] of cases) {
    test(name, () => {
      const span = only(row);
      assert.equal(span.status, code === 'error' ? 2 : 0);
      assert.equal(Object.fromEntries(span.attributes)['error.type'], errorType);
      const status = row.status === 0 ? undefined : row.status;
      assert.equal(Object.fromEntries(span.attributes)['http.response.status_code'], status);
    });
  }
});

describe('a request that its caller gave up', () => {
  const statuses = (ingress: Row, egress: Row): number[] =>
    describeRows([
      { hop: 7, ...ingress },
      { hop: 7, client: true, status: 0, end: 'closed', ...egress },
    ]).map((span) => span.status);

  test('is no failure of the upstream', () => {
    assert.deepEqual(statuses({ status: 0, end: 'reset' }, {}), [2, 0]);
    assert.deepEqual(statuses({ status: 0, end: 'closed' }, {}), [2, 0]);
    assert.deepEqual(statuses({ end: 'closed', endNs: 5e9 }, { status: 200, endNs: 6e9 }), [2, 0]);
  });

  test('is one when the proxy answered all the same', () => {
    assert.deepEqual(statuses({ status: 502 }, {}), [2, 2]);
    assert.deepEqual(statuses({ status: 200 }, { end: 'reset' }), [0, 2]);
  });

  test('is one when it is not known who closed first', () => {
    assert.deepEqual(statuses({ end: 'closed', endNs: 6e9 }, { status: 200, endNs: 5e9 }), [2, 2]);
  });

  test('is one of another hop', () => {
    assert.deepEqual(statuses({ status: 0, end: 'reset', hop: 6 }, {}), [2, 2]);
    assert.deepEqual(statuses({ status: 0, end: 'reset', hop: 0 }, { hop: 0 }), [2, 2]);
  });
});

describe('the link', () => {
  const names = ['spantap.link.tier', 'spantap.link.confidence', 'http.request.resend_count'];
  const client = true;
  for (const [name, row, expected] of [
    [
      'of a proxy',
      { client, tier: 'identifier', confidence: 0.9 },
      ['identifier', { double: 0.9 }, undefined],
    ],
    ['that was not found', { client, flags: FLAG.unlinked }, ['none', { double: 0 }, undefined]],
    ['of a plain client', { client }, [undefined, undefined, undefined]],
    ['of a local hop', { tier: 'local', confidence: 1 }, ['local', { double: 1 }, undefined]],
    ['of a retry', { client, resendCount: 2 }, [undefined, undefined, 2]],
  ] as const) {
    test(name, () => assert.deepEqual(pick(row, ...names), expected));
  }

  test('of a subrequest is marked', () => {
    assert.deepEqual(pick({ client, flags: FLAG.subrequest }, 'spantap.subrequest'), [true]);
  });
});

describe('the context', () => {
  test('has its ids, and no parent when it is a root', () => {
    const span = only({ traceId: `${'0'.repeat(31)}1`, spanId: 'f'.repeat(16) });
    assert.deepEqual(
      [span.traceId, span.spanId, span.parentSpanId],
      [`${'0'.repeat(31)}1`, 'f'.repeat(16), ''],
    );
  });

  test('says whether the parent is remote, and the W3C flags', () => {
    assert.equal(only({ traceFlags: 1 }).flags, 0x101);
    assert.equal(only({ traceFlags: 3, flags: FLAG.parentIsRemote }).flags, 0x303);
    assert.equal(only({ traceFlags: 0x1ff }).flags, 0x1ff);
    assert.equal(only({ traceFlags: 2 }).flags, 0x103, 'it is sampled, though its caller was not');
  });

  test('has a link when linking made one', () => {
    const link = ['1'.repeat(32), '2'.repeat(16)] as const;
    assert.deepEqual(only({ link, traceFlags: 1 }).links, [
      { traceId: link[0], spanId: link[1], flags: 0x101 },
    ]);
    assert.deepEqual(only({}).links, []);
  });
});

describe('times', () => {
  test('are the kernel times on the wall clock, exactly', () => {
    const span = only({ startNs: 1_234_567_890, endNs: 1_234_567_990 });
    const drift = span.startNs - (OFFSET_NS + 1_234_567_890n);
    assert.ok(drift < 1_000n && drift > -1_000n, String(drift));
    assert.equal(span.endNs - span.startNs, 100n);
  });

  test('never run backwards: an end that is not known is the start', () => {
    const span = only({ startNs: 5_000, endNs: 0 });
    assert.equal(span.endNs, span.startNs);
  });
});

describe('marks', () => {
  for (const [name, row, truncated, lost] of [
    ['a whole exchange', {}, undefined, undefined],
    ['a request cut by a limit', { flags: FLAG.requestTruncated }, true, undefined],
    ['a response cut by a limit', { flags: FLAG.responseTruncated }, true, undefined],
    ['an exchange cut by the end of the agent', { end: 'detached' }, true, undefined],
    ['bytes lost in the kernel', { flags: FLAG.loss }, undefined, true],
    ['a lost end', { end: 'lost' }, undefined, true],
  ] as const) {
    test(name, () => {
      assert.deepEqual(pick(row, 'spantap.truncated', 'spantap.lost'), [truncated, lost]);
    });
  }
});

describe('tracestate', () => {
  const traceId = 'a'.repeat(32);
  const parent = ['traceparent', `00-${traceId}-${'b'.repeat(16)}-01`] as const;
  const stateOf = (...headers: (readonly [string, string])[]): string =>
    only({ traceId, headers }).traceState;

  test('of the trace that the span is in is carried', () => {
    assert.equal(stateOf(parent, ['tracestate', 'ot=th:8, v=1']), 'ot=th:8,v=1');
  });

  test('of several headers is one list', () => {
    assert.equal(stateOf(['tracestate', 'a=1'], parent, ['TraceState', 'b=2,c=3']), 'a=1,b=2,c=3');
  });

  test('of another trace is not', () => {
    const other = ['traceparent', `00-${'c'.repeat(32)}-${'b'.repeat(16)}-01`] as const;
    assert.equal(stateOf(other, ['tracestate', 'a=1']), '');
    assert.equal(stateOf(['tracestate', 'a=1']), '');
  });

  for (const bad of ['A=1', 'a', 'a=', '=1', 'a=1,a=2', 'a=\u0001', 'a=b=c', '@x=1']) {
    test(`${JSON.stringify(bad)} is left out whole`, () => {
      assert.equal(stateOf(parent, ['tracestate', `ok=1,${bad}`]), '');
    });
  }

  test('with more than 32 members is left out', () => {
    const list = (count: number) => Array.from({ length: count }, (_, i) => `k${i}=v`).join(',');
    assert.equal(stateOf(parent, ['tracestate', list(32)]), list(32));
    assert.equal(stateOf(parent, ['tracestate', list(33)]), '');
  });
});

describe('headers', () => {
  const row: Row = {
    headers: [
      HOST,
      ['X-One', ' a '],
      ['x-one', 'b'],
      ['Authorization', 'Bearer s3cret'],
      ['COOKIE', 's3cret'],
      ['X-Api-Key', 's3cret'],
      ['Proxy-Authorization', 's3cret'],
      ['Referer', 'http://h/?a=1&sig=s3cret'],
      ['X-Latin', 'caf\xe9'],
    ],
    responseHead:
      'HTTP/1.1 200 OK\r\nSet-Cookie: s3cret\r\nset-cookie: s3cret\r\nVia: 1.1 x\r\n\r\n',
  };
  const headersOf = (level: 'summary' | 'details' | 'full') =>
    Object.fromEntries(
      Object.entries(attributesOf(row, { level })).filter(([name]) => name.includes('.header.')),
    );

  test('are no attributes at summary', () => assert.deepEqual(headersOf('summary'), {}));

  for (const level of ['details', 'full'] as const) {
    test(`are arrays at ${level}, secrets and sensitive queries redacted`, () => {
      assert.deepEqual(headersOf(level), {
        'http.request.header.host': ['shop.example'],
        'http.request.header.x-one': ['a', 'b'],
        'http.request.header.authorization': ['REDACTED'],
        'http.request.header.cookie': ['REDACTED'],
        'http.request.header.x-api-key': ['REDACTED'],
        'http.request.header.proxy-authorization': ['REDACTED'],
        'http.request.header.referer': ['http://h/?a=1&sig=REDACTED'],
        'http.request.header.x-latin': ['café'],
        'http.response.header.set-cookie': ['REDACTED', 'REDACTED'],
        'http.response.header.via': ['1.1 x'],
      });
    });
  }

  test('that are folded are one line', () => {
    const head = 'GET / HTTP/1.1\r\nX-Long: one\r\n\t two \r\n  three\r\nHost: h\r\n\r\n';
    const attributes = attributesOf({ head }, { level: 'full' });
    assert.deepEqual(attributes['http.request.header.x-long'], ['one two three']);
    assert.deepEqual(attributes['http.request.header.host'], ['h']);
  });

  test('of a head that was cut anywhere neither throw nor show a secret', () => {
    const secrets = 'Authorization: s3cret\r\nCookie: s3cret\r\nA: b\r\n';
    const urls =
      'Host: joe:s3cret@h\r\nX-Forwarded-Host: joe:s3cret@h\r\nForwarded: host="joe:s3cret@h"\r\n' +
      'Referer: http://joe:s3cret@h/?sig=s3cret\r\n';
    for (const whole of [
      `GET / HTTP/1.1\r\n${secrets}\r\n`,
      `GET http://joe:s3cret@h/?sig=s3cret HTTP/1.1\r\n${urls}\r\n`,
      `CONNECT joe:s3cret@h:1 HTTP/1.1\r\n\r\n`,
    ]) {
      for (let end = 0; end <= whole.length; end++) {
        for (const client of [false, true]) {
          const row = { head: whole.slice(0, end), client };
          const text = JSON.stringify(attributesOf(row, { level: 'full' }));
          assert.ok(!text.includes('s3c'), `${whole.slice(0, end)}: ${text}`);
        }
      }
    }
  });

  test('beyond the limit of attributes are dropped and counted', () => {
    const counters = new Counters();
    const headers = Array.from({ length: 300 }, (_, i) => [`X-${i}`, 'v'] as const);
    const [span] = describeRows([{ headers }], { level: 'full' }, counters);
    assert.ok(span !== undefined);
    assert.ok(span.attributes.length <= 128, String(span.attributes.length));
    assert.equal(span.droppedAttributes, 208);
    assert.equal(counters.get('dropped.attributes'), 208);
  });
});

describe('a long value', () => {
  test('is cut at the limit, between characters, and counted', () => {
    const counters = new Counters();
    const target = `/${'\xc3\xa9'.repeat(2_000)}`;
    const [span] = describeRows([{ target }], {}, counters);
    const path = String(Object.fromEntries(span?.attributes ?? [])['url.path']);
    assert.equal(Buffer.byteLength(path), 2_047);
    assert.ok(!path.includes('\ufffd'));
    assert.equal(counters.get('truncated.attributes'), 1);
  });

  test('of a header is cut too', () => {
    const counters = new Counters();
    const headers = [['X-Long', 'x'.repeat(5_000)]] as const;
    const [span] = describeRows([{ headers }], { level: 'full' }, counters);
    const attributes = Object.fromEntries(span?.attributes ?? []);
    assert.deepEqual(attributes['http.request.header.x-long'], ['x'.repeat(2_048)]);
    assert.equal(counters.get('truncated.attributes'), 1);
  });
});

test('secrets of a request are in no attribute at summary', () => {
  const headers = ['Authorization', 'Cookie', 'X-Api-Key', 'Proxy-Authorization'].map(
    (name) => [name, 's3cret'] as const,
  );
  const row: Row = {
    target: '/?sig=s3cret',
    headers,
    responseHead: 'HTTP/1.1 200\r\nSet-Cookie: s3cret\r\n\r\n',
  };
  for (const client of [false, true]) {
    assert.ok(!JSON.stringify(attributesOf({ ...row, client })).includes('s3cret'));
  }
});
