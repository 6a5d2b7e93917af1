import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Authority } from '../../src/handoff/authority.ts';
import { RequestLine } from '../../src/handoff/request-line.ts';

function parse(text: string) {
  const bytes = Buffer.from(`..${text}`, 'latin1');
  const line = new RequestLine();
  line.parse(bytes, 2, bytes.length);
  const slice = (start: number, end: number) => bytes.toString('latin1', start, end);
  return {
    method: slice(line.methodStart, line.methodEnd),
    scheme: slice(line.schemeStart, line.schemeEnd),
    authority: slice(line.authorityStart, line.authorityEnd),
    path: slice(line.pathStart, line.pathEnd),
    query: line.hasQuery ? slice(line.queryStart, line.queryEnd) : undefined,
    minor: line.minor,
    rest: slice(line.end, bytes.length),
  };
}

const origin = { scheme: '', authority: '', query: undefined, minor: 1, rest: '' };

describe('a request line', () => {
  for (const [text, expected] of [
    ['GET / HTTP/1.1\r\n', { ...origin, method: 'GET', path: '/' }],
    [
      'GET /a?b=1?c HTTP/1.0\r\nX',
      { ...origin, method: 'GET', path: '/a', query: 'b=1?c', minor: 0, rest: 'X' },
    ],
    ['GET /a? HTTP/1.1\n', { ...origin, method: 'GET', path: '/a', query: '' }],
    ['\r\nGET /a HTTP/1.1\r\n', { ...origin, method: 'GET', path: '/a' }],
    ['GET /with space HTTP/1.1\r\n', { ...origin, method: 'GET', path: '/with space' }],
    ['OPTIONS * HTTP/1.1\r\n', { ...origin, method: 'OPTIONS', path: '*' }],
    [
      'GET http://u:p@h:1/x?y HTTP/1.1\r\n',
      { ...origin, method: 'GET', scheme: 'http', authority: 'u:p@h:1', path: '/x', query: 'y' },
    ],
    [
      'GET https://h?y HTTP/1.1\r\n',
      { ...origin, method: 'GET', scheme: 'https', authority: 'h', path: '', query: 'y' },
    ],
    ['CONNECT h:443 HTTP/1.1\r\n', { ...origin, method: 'CONNECT', authority: 'h:443', path: '' }],
    ['GET //h/x HTTP/1.1\r\n', { ...origin, method: 'GET', path: '//h/x' }],
    ['GET urn:a:b HTTP/1.1\r\n', { ...origin, method: 'GET', path: 'urn:a:b' }],
  ] as const) {
    test(JSON.stringify(text), () => assert.deepEqual(parse(text), expected));
  }

  test('that was cut anywhere is read as far as it goes, without a throw', () => {
    const whole = 'POST http://user@host:81/path?query=1 HTTP/1.1\r\nHost: h\r\n\r\n';
    for (let end = 0; end <= whole.length; end++) {
      const { method, path } = parse(whole.slice(0, end));
      assert.ok('POST'.startsWith(method) && whole.includes(path));
    }
  });

  const parts = (text: string) => {
    const bytes = Buffer.from(text, 'latin1');
    const line = new RequestLine();
    line.parse(bytes, 0, bytes.length);
    const slice = (start: number, end: number) => bytes.toString('latin1', start, end);
    return {
      target: slice(line.targetStart, line.targetEnd),
      version: slice(line.versionStart, line.versionEnd),
      host: slice(line.hostStart, line.authorityEnd),
    };
  };

  test('gives the digits of its version, blanks behind it left out', () => {
    for (const text of ['GET /a HTTP/1.0\r\n', 'GET /a HTTP/1.0 \r\n']) {
      assert.deepEqual(parts(text), { target: '/a', version: '1.0', host: '' });
      assert.equal(parse(text).minor, 0);
    }
  });

  test('that was cut has what there is of its version, and all of its target', () => {
    assert.deepEqual(parts('GET /a b'), { target: '/a b', version: '', host: '' });
    assert.deepEqual(parts('GET /a HT'), { target: '/a', version: '', host: '' });
    assert.deepEqual(parts('GET\r\nHost: h\r\n'), { target: '', version: '', host: '' });
  });

  test('has no fragment in its path or query', () => {
    for (const [target, path, query] of [
      ['/a#b?c', '/a', undefined],
      ['/a?b#c?d', '/a', 'b'],
      ['http://h#b', '', undefined],
    ] as const) {
      const read = parse(`GET ${target} HTTP/1.1\r\n`);
      assert.deepEqual([read.path, read.query], [path, query]);
    }
  });

  test('tells the host from user and password', () => {
    assert.equal(parts('GET http://user:pass@word@h:1/x HTTP/1.1\r\n').host, 'h:1');
    assert.equal(parts('CONNECT h:443 HTTP/1.1\r\n').host, 'h:443');
    assert.equal(parts('GET /@h HTTP/1.1\r\n').host, '');
  });
});

describe('an authority', () => {
  const read = (text: string) => {
    const bytes = Buffer.from(`<${text}>`);
    const authority = new Authority();
    authority.parse(bytes, 1, bytes.length - 1);
    const { hostStart, hostEnd, port, hasUser } = authority;
    return [bytes.toString('utf8', hostStart, hostEnd), port, hasUser];
  };
  for (const [text, host, port, hasUser] of [
    ['shop.example', 'shop.example', 0, false],
    ['shop.example:8443', 'shop.example', 8443, false],
    ['[2001:db8::1]:80', '2001:db8::1', 80, false],
    ['[::1]', '::1', 0, false],
    ['2001:db8::1', '2001:db8::1', 0, false],
    ['user:secret@h:1', 'h', 1, true],
    ['user@[::1]:2', '::1', 2, true],
    ['h:', 'h', 0, false],
    ['h:port', 'h', 0, false],
    ['h:99999', 'h', 0, false],
    ['h:65535', 'h', 65_535, false],
    ['', '', 0, false],
    ['[::1', '::1', 0, false],
  ] as const) {
    test(JSON.stringify(text), () => assert.deepEqual(read(text), [host, port, hasUser]));
  }
});
