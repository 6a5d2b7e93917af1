import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { limits } from '../../../src/config/limits.ts';
import { SECRET_HEADERS, SENSITIVE_QUERY_KEYS } from '../../../src/config/secrets.ts';
import { compileRedaction, type Redaction } from '../../../src/rules/redaction/redaction.ts';
import type { BodyInput, RedactionRule } from '../../../src/rules/redaction/types.ts';

const KEY = Buffer.from('key of this test');

function redactionOf(...rules: readonly RedactionRule[]): Redaction {
  const compiled = compileRedaction(rules, { hashKey: KEY });
  assert.ok(compiled.ok, JSON.stringify(compiled));
  return compiled.redaction;
}

function head(redaction: Redaction, text: string): string {
  return redaction.head(Buffer.from(text, 'latin1'), !text.startsWith('HTTP/')).toString('latin1');
}

describe('heads', () => {
  test('lose the values of secret headers, in any case and spelling, and nothing else', () => {
    for (const name of SECRET_HEADERS) {
      const text = `GET /a HTTP/1.1\r\nHost: x\r\n${name.toUpperCase()} : s3cret\r\nAccept: */*\r\n\r\n`;
      const redacted = head(redactionOf(), text);
      assert.ok(!redacted.includes('s3cret'), name);
      assert.match(redacted, /Host: x\r\n.*REDACTED\r\nAccept: \*\/\*\r\n\r\n$/);
    }
  });

  test('lose repeated and folded ones too', () => {
    const text = 'HTTP/1.1 200 OK\r\nSet-Cookie: a=s3cret\r\nSet-Cookie: b=\r\n s3cret\r\n\r\n';
    const expected = 'HTTP/1.1 200 OK\r\nSet-Cookie: REDACTED\r\nSet-Cookie: REDACTED\r\n\r\n';
    assert.equal(head(redactionOf(), text), expected);
  });

  test('keep, hash and drop as rules say, the first rule first', () => {
    const redaction = redactionOf(
      { type: 'header', name: 'Cookie', action: 'keep' },
      { type: 'header', name: 'cookie', action: 'mask' },
      { type: 'header', name: 'x-user', action: 'hash' },
      { type: 'header', name: 'x-internal', action: 'drop' },
    );
    const text = 'GET / HTTP/1.1\r\nCookie: a=1\r\nX-User: jane\r\nX-Internal: 1\r\n\r\n';
    assert.match(
      head(redaction, text),
      /^GET \/ HTTP\/1\.1\r\nCookie: a=1\r\nX-User: hash:[0-9a-f]{16}\r\n\r\n$/,
    );
    assert.equal(redaction.header('x-user', 'jane'), redaction.header('X-User', 'jane'));
    assert.notEqual(redaction.header('x-user', 'jane'), redaction.header('x-user', 'john'));
    const other = compileRedaction([{ type: 'header', name: 'x-user', action: 'hash' }], {
      hashKey: Buffer.from('k'),
    });
    assert.ok(other.ok);
    assert.notEqual(other.redaction.header('x-user', 'jane'), redaction.header('x-user', 'jane'));
  });

  test('have no secrets in the URLs of other headers', () => {
    const redaction = redactionOf();
    assert.equal(
      redaction.header('Referer', 'https://jane:s3cret@x.example/a?sig=s3cret&b=1'),
      'https://REDACTED@x.example/a?sig=REDACTED&b=1',
    );
    assert.equal(
      redaction.header('Link', '</a?sig=s3cret>; rel=next'),
      '</a?sig=REDACTED>; rel=next',
    );
    for (const [name, value, expected] of [
      ['Location', '//joe:s3cret@x/a', '//REDACTED@x/a'],
      ['Location', '/a?sig=s3 "cret', '/a?sig=REDACTED'],
      ['X-Link', `"/a?sig='s3cret'", b`, '"/a?sig=REDACTED", b'],
      ['X-Link', '/a?sig="s3cret"&b', '/a?sig=REDACTED&b'],
      ['X-Forwarded-Host', 'joe:s3cret@x', 'REDACTED@x'],
      ['Forwarded', 'for=a;Host="joe:s3cret@x", for=b', 'for=a;Host="REDACTED@x", for=b'],
      ['Referer', 'https://x/?n=%2Fb%3Fsig%3Ds3cret', 'https://x/?n=%2Fb%3Fsig%3DREDACTED'],
    ] as const) {
      assert.equal(redaction.header(name, value), expected);
    }
  });

  test('that were cut lose what cannot be told', () => {
    const pattern: RedactionRule = { type: 'regex', pattern: '\\d{16}', action: 'mask' };
    const cut = 'GET / HTTP/1.1\r\nAccept: a\r\nX-Card: 41111111';
    assert.match(head(redactionOf(pattern), cut), /Accept: a\r\nX-Card: REDACTED\r\n\r\n$/);
    assert.match(head(redactionOf(), cut), /X-Card: 41111111/);
    assert.equal(head(redactionOf(pattern), 'GET /4111111'), 'GET REDACTED\r\n\r\n');
    assert.equal(head(redactionOf(), 'GET / HTTP/1.1\r\nAuthorizat'), 'GET / HTTP/1.1\r\n\r\n');
    assert.ok(!head(redactionOf(), 'GET / HTTP/1.1\r\nAuthorization: Bas').includes('Bas'));
  });

  test('that were cut within what may be a user lose that, without a pattern too', () => {
    for (const [cut, expected] of [
      ['GET http://joe:s3cr', 'GET REDACTED'],
      ['GET / HTTP/1.1\r\nReferer: http://joe:s3cr', 'GET / HTTP/1.1\r\nReferer: REDACTED'],
      ['GET / HTTP/1.1\r\nHost: joe:s3cr', 'GET / HTTP/1.1\r\nHost: REDACTED'],
      ['GET /a?b=1', 'GET /a?b=1'],
    ] as const) {
      assert.equal(head(redactionOf(), cut), `${expected}\r\n\r\n`);
    }
  });

  test('with empty lines before them are read from behind these', () => {
    assert.equal(
      head(redactionOf(), '\r\n\nGET http://joe:s3cret@x/?sig=s3cret HTTP/1.1\r\nHost: x\r\n\r\n'),
      'GET http://REDACTED@x/?sig=REDACTED HTTP/1.1\r\nHost: x\r\n\r\n',
    );
  });

  test('that are no heads keep nothing of their first line', () => {
    assert.equal(head(redactionOf(), 's3cret'), '\r\n\r\n');
  });
});

test('lists of the user replace the defaults', () => {
  const compiled = compileRedaction([], {
    hashKey: KEY,
    secretHeaders: ['X-Session'],
    sensitiveQueryParameters: ['code'],
  });
  assert.ok(compiled.ok);
  const { redaction } = compiled;
  assert.deepEqual(
    ['x-session', 'Cookie'].map((name) => redaction.header(name, 'v')),
    ['REDACTED', 'v'],
  );
  assert.equal(redaction.target('/?code=1&sig=2'), '/?code=REDACTED&sig=2');
});

describe('targets', () => {
  test('lose the values of sensitive keys, as they are read by servers', () => {
    for (const key of SENSITIVE_QUERY_KEYS) {
      assert.equal(redactionOf().target(`/a?x=1&${key}=s3cret`), `/a?x=1&${key}=REDACTED`);
    }
    assert.equal(redactionOf().target('/a?s%69g=s3cret&x=%41+b'), '/a?s%69g=REDACTED&x=%41+b');
    assert.equal(
      redactionOf().target('http://u:s3cret@x/?sig=a=b'),
      'http://REDACTED@x/?sig=REDACTED',
    );
    assert.equal(redactionOf().target('/a?x=1#sig=s3cret'), '/a?x=1#sig=REDACTED');
    assert.equal(redactionOf().target('/a?sig=s3 cret'), '/a?sig=REDACTED');
    assert.equal(redactionOf().target('/a?x=1;sig=s3;cret&b'), '/a?x=1;sig=REDACTED&b');
    assert.equal(redactionOf().target('/a?x=1&amp;sig=s3cret'), '/a?x=1&amp;sig=REDACTED');
    assert.equal(redactionOf().target('/a?x=1;y=2;z'), '/a?x=1;y=2;z');
    assert.equal(redactionOf().target('/plain'), '/plain');
    assert.equal(redactionOf().target('/?'), '/?');
  });

  test('lose what URLs in their values hold, escaped or not, and all of what is too deep', () => {
    for (const [target, expected] of [
      ['/a?u=http://joe:s3cret@x/', '/a?u=http://REDACTED@x/'],
      ['/a?u=http%3a%2f%2Fjoe%3As3cret%40x%2F', '/a?u=http%3a%2f%2FREDACTED@x%2F'],
      ['/a?u=http%3A%2F%2Fjoe:s3cret@x', '/a?u=http%3A%2F%2FREDACTED@x'],
      ['/p/http://joe:s3cret@x/y', '/p/http://REDACTED@x/y'],
      ['/a?n=%2Fb%3Fc%3D1%26sig%3Ds3cret&d=2', '/a?n=%2Fb%3Fc%3D1%26sig%3DREDACTED&d=2'],
      ['/a?n=/b?sig=s3cret', '/a?n=/b?sig=REDACTED'],
      ['/a?n=1?n=2?n=3?n=4?n=s3cret', '/a?n=1?n=2?n=3?n=REDACTED'],
      ['/a?mail=joe@x.example&q=what%3F', '/a?mail=joe@x.example&q=what%3F'],
    ] as const) {
      assert.equal(redactionOf().target(target), expected);
    }
    const deep = '?n='.repeat(20_000);
    assert.ok(redactionOf().target(`/a${deep}`).length < deep.length);
    assert.ok(redactionOf().target(`/a?${';'.repeat(60_000)}=1`).length > 60_000);
  });

  test('and Host lose user and password, also where an authority stands alone', () => {
    const redaction = redactionOf();
    assert.equal(
      head(redaction, 'CONNECT joe:s3c@ret@db:5432 HTTP/1.1\r\nHost: joe:s3cret@db\r\n\r\n'),
      'CONNECT REDACTED@db:5432 HTTP/1.1\r\nHost: REDACTED@db\r\n\r\n',
    );
    assert.equal(redaction.header('host', 'shop:81'), 'shop:81');
    assert.equal(redaction.target('/users/@joe'), '/users/@joe');
  });

  test('follow rules of the user', () => {
    const redaction = redactionOf(
      { type: 'query', name: 'sig', action: 'keep' },
      { type: 'query', name: 'token', action: 'drop' },
      { type: 'query', name: 'user', action: 'hash' },
    );
    const target = redaction.target('/a?sig=1&token=2&user=a%20b&z');
    assert.match(target, /^\/a\?sig=1&user=hash:[0-9a-f]{16}&z$/);
    assert.equal(target, redaction.target('/a?sig=1&user=a+b&z'));
  });
});

describe('patterns', () => {
  const redaction = redactionOf(
    { type: 'regex', pattern: '\\b\\d{4}-\\d{4}\\b', action: 'mask' },
    { type: 'regex', pattern: '(?i)secret-[a-zé]+', action: 'drop' },
  );

  test('work in targets, escaped or not', () => {
    assert.equal(
      redaction.target('/cards/1234-5678/x?y=1234-5678'),
      '/cards/REDACTED/x?y=REDACTED',
    );
    assert.equal(redaction.target('/a?y=1234%2D5678%26'), '/a?y=REDACTED%26');
    assert.equal(redaction.target('/a?1234-5678=1'), '/a?REDACTED=1');
    assert.equal(redaction.target('/1234%2d5678'), '/REDACTED');
  });

  test('work in header values and response lines', () => {
    assert.equal(redaction.header('X', 'a 1234-5678 b 1234-5678'), 'a REDACTED b REDACTED');
    const utf8 = Buffer.from('SECRET-caf\u00e9!', 'utf8').toString('latin1');
    assert.equal(redaction.header('X', utf8), '!');
    assert.match(head(redaction, 'HTTP/1.1 400 secret-x\r\n\r\n'), /^HTTP\/1\.1 400 \r\n/);
  });

  test('work in a method, which may be anything', () => {
    assert.match(head(redaction, '1234-5678 / HTTP/1.1\r\n\r\n'), /^REDACTED \/ HTTP/);
  });

  test('mask bodies in which they would find nothing', () => {
    const wide = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('1234-5678', 'utf16le')]);
    const body = { decoded: wide, contentType: 'text/plain', isTruncated: false };
    assert.equal(redaction.body(body).kind, 'masked');
  });

  test('work in every body, and in the meaning of JSON strings', () => {
    const body = (text: string, contentType: string) => textOf(redaction, { text, contentType });
    assert.equal(body('a 1234-5678', 'text/html'), 'a REDACTED');
    assert.equal(
      body('{"a":"1234\\u002d5678","b":1}', 'application/json'),
      '{"a":"REDACTED","b":1}',
    );
    assert.equal(body('{"a":"1234-5678', 'application/json'), '{"a":"REDACTED');
    assert.equal(body('a=1234%2D5678', 'application/x-www-form-urlencoded'), 'a=REDACTED');
  });

  test('in text that is not UTF-8 leave the other bytes alone', () => {
    const bytes = Buffer.from('\xff\xf0 1234-5678 \x80', 'latin1');
    const result = redaction.body({ decoded: bytes, contentType: 'image/x', isTruncated: false });
    assert.ok(result.kind === 'redacted');
    assert.equal(result.bytes.toString('latin1'), '\xff\xf0 REDACTED \x80');
  });
});

interface TextBody {
  readonly text: string;
  readonly contentType: string;
}

function textOf(redaction: Redaction, { text, contentType }: TextBody): string {
  const result = redaction.body({ decoded: Buffer.from(text), contentType, isTruncated: false });
  return result.kind === 'untouched' ? 'untouched' : result.bytes.toString();
}

describe('JSON bodies', () => {
  const redact = (text: string, ...paths: readonly string[]) =>
    textOf(
      redactionOf(...paths.map((path): RedactionRule => ({ type: 'json', path, action: 'mask' }))),
      {
        text,
        contentType: 'application/json; charset=utf-8',
      },
    );

  for (const [text, path, expected] of [
    ['{"a":{"b":"x"},"b":1}', '$.a.b', '{"a":{"b":"REDACTED"},"b":1}'],
    ['{"a":{"b":"x"},"b":1}', '$..b', '{"a":{"b":"REDACTED"},"b":"REDACTED"}'],
    ['{"a":{"b":"x"},"b":1}', '$.a', '{"a":"REDACTED","b":1}'],
    ['{"a":{"b":"x"},"b":1}', '$.*', '{"a":"REDACTED","b":"REDACTED"}'],
    ['{"a":[{"c":1},{"c":2}]}', '$.a[*].c', '{"a":[{"c":"REDACTED"},{"c":"REDACTED"}]}'],
    ['{"a":[{"c":1},{"c":2}]}', '$.a[1].c', '{"a":[{"c":1},{"c":"REDACTED"}]}'],
    ['[[1,2],[3]]', '$[0][*]', '[["REDACTED","REDACTED"],[3]]'],
    ['{"x":{"a":{"y":{"b":1}}}}', '$..a..b', '{"x":{"a":{"y":{"b":"REDACTED"}}}}'],
    ['{"odd key":1}', '$["odd key"]', '{"odd key":"REDACTED"}'],
    ['{"p\\u0061ss":1}', '$.pass', '{"p\\u0061ss":"REDACTED"}'],
    ['{"pass":1,"pass":2}', '$.pass', '{"pass":"REDACTED","pass":"REDACTED"}'],
    [
      ' { "a" : 12345678901234567890.10 , "b":1 } ',
      '$.b',
      ' { "a" : 12345678901234567890.10 , "b":"REDACTED" } ',
    ],
    ['{"a":1}\n{"a":2}\n', '$.a', '{"a":"REDACTED"}\n{"a":"REDACTED"}\n'],
    [
      '{"b":"\\ud83d\\ude00","a":[ ],"c":{ }}',
      '$.a',
      '{"b":"\\ud83d\\ude00","a":"REDACTED","c":{ }}',
    ],
    ['"text"', '$.a', '"text"'],
  ] as const) {
    test(`${text} without ${path}`, () => assert.equal(redact(text, path), expected));
  }

  test('keep, hash and drop', () => {
    const redaction = redactionOf(
      { type: 'json', path: '$.a.keep', action: 'keep' },
      { type: 'json', path: '$.a.*', action: 'drop' },
      { type: 'json', path: '$.id', action: 'hash' },
      { type: 'json', path: '$.list[0]', action: 'drop' },
    );
    const text = '{"a":{"x":1,"keep":2,"y":3},"id":"7","list":[1,2]}';
    const redacted = JSON.parse(
      textOf(redaction, { text, contentType: 'application/problem+json' }),
    );
    assert.deepEqual(redacted.a, { keep: 2 });
    assert.match(redacted.id, /^hash:/);
    assert.deepEqual(redacted.list, [null, 2]);
  });

  test('that are not JSON are masked whole', () => {
    for (const text of [
      '{"a":1',
      '{"a":1,}',
      "{'a':1}",
      '{"a":"\n"}',
      '{"a":01}',
      'x',
      '{"a" 1}',
      '[1,]',
      '{"a":"\\x"}',
      '[1]]',
    ]) {
      assert.equal(redact(text, '$.zzz'), 'REDACTED', text);
    }
    const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    assert.equal(redact(deep(limits.redactionDepthMax), '$.a'), deep(limits.redactionDepthMax));
    assert.equal(redact(deep(limits.redactionDepthMax + 1), '$.a'), 'REDACTED');
  });

  test('of every prefix are masked or hold no secret', () => {
    const text = '{"user":{"password":"s3cret","n":[1,{"password":"s3cret"}]},"x":true}';
    for (let end = 0; end < text.length; end++) {
      assert.ok(!redact(text.slice(0, end), '$..password').includes('s3c'), text.slice(0, end));
    }
  });

  test('with a long string need no deep stack', () => {
    for (const run of ['x\\n'.repeat(300_000), '\\n'.repeat(8_000_000), 'x'.repeat(16_000_000)]) {
      const long = `{"a":"${run}","b":1}`;
      assert.ok(redact(long, '$.b') === long.replace('"b":1', '"b":"REDACTED"'));
    }
  });

  test('are known by type, and by their look where the type says nothing', () => {
    const redaction = redactionOf({ type: 'json', path: '$.a', action: 'mask' });
    for (const contentType of [
      'text/json',
      'application/vnd.x+json',
      'APPLICATION/JSON',
      '',
      'text/plain',
      'application/octet-stream',
    ]) {
      assert.equal(
        textOf(redaction, { text: '{"a":1}', contentType }),
        '{"a":"REDACTED"}',
        contentType,
      );
    }
    assert.equal(textOf(redaction, { text: 'hello', contentType: 'text/plain' }), 'untouched');
    assert.equal(textOf(redaction, { text: '[a]{b:c}', contentType: 'text/css' }), '[a]{b:c}');
    assert.equal(textOf(redaction, { text: 'a{b:c}', contentType: 'text/css' }), 'untouched');
  });

  test('are found under other types, behind a byte order mark and white space', () => {
    const redaction = redactionOf({ type: 'json', path: '$..a', action: 'mask' });
    for (const contentType of [
      'application/x-www-form-urlencoded',
      'text/html; charset=utf-8',
      'text/javascript',
      'application/x-amz-json-1.1',
      'application/ndjson',
      'application/csp-report',
      'application/json, application/json',
    ]) {
      const text = '{"a":"s3cret"}';
      assert.equal(textOf(redaction, { text, contentType }), '{"a":"REDACTED"}', contentType);
    }
    for (const space of ['\ufeff', ' '.repeat(100), '\r\n\t']) {
      for (const contentType of ['', 'text/plain', 'application/json']) {
        const text = `${space}[{"a":"s3cret"}]`;
        assert.equal(textOf(redaction, { text, contentType }), `${space}[{"a":"REDACTED"}]`);
      }
    }
    const events = (value: string) =>
      `event: x\ndata: {"a":"${value}"}\r\n\ndata:[{"a":"${value}"}]\n`;
    const contentType = 'text/event-stream';
    assert.equal(textOf(redaction, { text: events('s3cret'), contentType }), events('REDACTED'));
    assert.equal(textOf(redaction, { text: 'data: {"a":\ndata: 1}\n', contentType }), 'REDACTED');
    assert.equal(textOf(redaction, { text: 'data: [DONE', contentType }), 'REDACTED');
    assert.equal(textOf(redaction, { text: 'data: hi\n', contentType }), 'data: hi\n');
  });

  test('called forms are masked whole when they are neither', () => {
    const redaction = redactionOf({ type: 'json', path: '$.a', action: 'mask' });
    const contentType = 'application/x-www-form-urlencoded';
    assert.equal(textOf(redaction, { text: '{"a":"s3cret",}', contentType }), 'REDACTED');
    assert.equal(textOf(redaction, { text: 'a=s3cret', contentType }), 'untouched');
  });

  test('in multipart are masked whole', () => {
    const redaction = redactionOf({ type: 'json', path: '$.a', action: 'mask' });
    const part = (head: string, text: string) => `--b\r\n${head}\r\n\r\n${text}\r\n--b--\r\n`;
    for (const contentType of ['multipart/form-data; boundary=b', 'multipart/mixed; boundary=b']) {
      const typed = part('Content-Type: application/json', '"x"');
      assert.equal(textOf(redaction, { text: typed, contentType }), 'REDACTED');
      const untyped = part('Content-Disposition: form-data; name="x"', '{"a":"s3cret"}');
      assert.equal(textOf(redaction, { text: untyped, contentType }), 'REDACTED');
      const picture = part('Content-Type: image/png', '\u0001');
      assert.equal(textOf(redaction, { text: picture, contentType }), 'untouched');
    }
  });
});

describe('form bodies', () => {
  const form = 'application/x-www-form-urlencoded';
  const redaction = redactionOf(
    { type: 'form', name: 'password', action: 'mask' },
    { type: 'form', name: 'pin', action: 'drop' },
  );

  test('lose their fields', () => {
    const text = 'user=jane&p%61ssword=s3cret&pin=1&x=a+b';
    assert.equal(
      textOf(redaction, { text, contentType: form }),
      'user=jane&p%61ssword=REDACTED&x=a+b',
    );
    assert.equal(
      textOf(redaction, { text, contentType: '' }),
      'user=jane&p%61ssword=REDACTED&x=a+b',
    );
    assert.equal(textOf(redaction, { text: 'x', contentType: 'text/html' }), 'untouched');
  });

  test('in multipart are masked whole', () => {
    const contentType = 'multipart/form-data; boundary=x';
    assert.equal(textOf(redaction, { text: '--x', contentType }), 'REDACTED');
  });
});

describe('a covered body', () => {
  const rules: readonly (readonly [RedactionRule, string])[] = [
    [{ type: 'json', path: '$.a', action: 'mask' }, 'application/json'],
    [{ type: 'form', name: 'a', action: 'mask' }, 'application/x-www-form-urlencoded'],
    [{ type: 'regex', pattern: 's3cret', action: 'mask' }, 'image/png'],
  ];
  const masked = (redaction: Redaction, input: Partial<BodyInput>) => {
    const result = redaction.body({
      decoded: Buffer.from('{}'),
      contentType: '',
      isTruncated: false,
      ...input,
    });
    return result.kind === 'masked' ? result.why : result.kind;
  };

  for (const [rule, contentType] of rules) {
    test(`of ${rule.type} is masked whole when it is cut or not to be decoded`, () => {
      const redaction = redactionOf(rule);
      assert.equal(masked(redaction, { contentType, isTruncated: true }), 'truncated');
      assert.equal(masked(redaction, { contentType, decoded: null }), 'not-decoded');
      assert.equal(
        masked(redaction, { contentType: `${contentType}; charset=utf-16` }),
        'not-decoded',
      );
      assert.equal(masked(redaction, { contentType }), 'redacted');
      assert.equal(masked(redaction, { contentType, decoded: Buffer.alloc(0) }), 'untouched');
    });
  }

  test('is none where no rule is for bodies', () => {
    const redaction = redactionOf({ type: 'header', name: 'x', action: 'mask' });
    assert.equal(
      masked(redaction, { contentType: 'application/json', isTruncated: true }),
      'untouched',
    );
  });
});

test('rules that cannot be meant are refused with their place', () => {
  const result = compileRedaction(
    [
      { type: 'json', path: 'a.b', action: 'mask' },
      { type: 'json', path: '$.a[', action: 'mask' },
      { type: 'json', path: '$', action: 'mask' },
      { type: 'regex', pattern: '(', action: 'mask' },
      { type: 'regex', pattern: 'a*', action: 'mask' },
      { type: 'regex', pattern: 'a', action: 'keep' },
      { type: 'header', name: 'x', action: 'mask' },
    ],
    { hashKey: KEY },
  );
  assert.ok(!result.ok);
  assert.deepEqual(
    result.problems.map(({ index, problem }) => [index, problem.offset]),
    [
      [0, 0],
      [1, 3],
      [2, 0],
      [3, 0],
      [4, 0],
      [5, 0],
    ],
  );
});
