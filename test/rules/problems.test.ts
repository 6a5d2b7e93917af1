/** What is wrong with an expression, where, and what to write instead. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compileMacros } from '../../src/rules/expression.ts';
import { expressionOf, problemOf } from './rules.ts';

/** The part of the text that a problem points at. */
function pointed(
  text: string,
  problem: { readonly offset: number; readonly length: number },
): string {
  return text.slice(problem.offset, problem.offset + problem.length);
}

describe('a problem points at what is wrong', () => {
  const table: readonly (readonly [text: string, at: string, message: RegExp, hint?: RegExp])[] = [
    ['', '', /empty/],
    ['  -- nothing', '', /empty/],
    [
      'http.res.statsu == 200',
      'http.res.statsu',
      /unknown field/,
      /did you mean http.res.status\?/,
    ],
    ['response.status == 200', 'response.status', /unknown field/, /http\.res\.status/],
    ['req.method == "GET"', 'req.method', /unknown field/, /http\.req\.method/],
    ['http.req.header.host == "a"', 'http.req.header.host', /unknown/, /http\.req\.headers\.host/],
    ['src.container.label.app == "a"', 'src.container.label.app', /unknown/, /labels\.app/],
    ['http.request.method == "a"', 'http.request.method', /unknown/, /http\.req\.method/],
    ['src.process.nam == "a"', 'src.process.nam', /unknown/],
    ['nonsense', 'nonsense', /unknown/, /docs\/rules\.md/],
    ['http.req.headers == "a"', 'http.req.headers', /takes a key/, /http\.req\.headers\["key"\]/],
    ['http.res.status["a"] == 1', 'http.res.status["a"]', /takes no key/],
    ['http.req.headers[x] == 1', 'x', /in quotes/],
    ['http.req.headers["x" == 1', '==', /expected "\]"/],
    ['a = 1', '=', /unexpected/, /==/],
    ['direction & true', '&', /unexpected/, /&&/],
    ['direction == "a', '"a', /no end/],
    ['direction == "a\\q"', '\\q', /unknown escape/],
    ['direction matches /a', '/a', /no end/],
    ['direction matches /[/', '/[/', /not valid: missing closing \]/],
    ['direction matches /(?=a)/', '/(?=a)/', /not valid/],
    ['direction matches /(a)\\1/', '/(a)\\1/', /not valid/],
    ['direction matches "a"', '"a"', /wants a pattern/, /slashes/],
    ['direction in "a"', '"a"', /list or a network/, /brackets/],
    ['tags not in ["a"]', 'not', /no "not in"/, /not \(a in b\)/],
    ['direction not contains "a"', 'not', /no "not contains"/],
    ['(direction) == "a"', '==', /parentheses/],
    ['link.resend == 1 == true', '==', /compared again/],
    ['http.res.status >= "400"', '"400"', /numbers and fields/],
    ['http.res.status >= 08', '08', /octal/],
    ['http.res.status >= 1e3', '1e3', /neither a number/],
    ['http.res.status >= 18446744073709551616', '18446744073709551616', /64 bits/],
    ['(direction == "a"', '', /expected "\)"/],
    ['direction == "a" "b"', '"b"', /"and", "or" or the end/],
    ['direction in [1,]', ']', /expected a value/],
    ['direction in []', ']', /expected a value/],
    ['direction in [f()]', 'f', /no calls/],
    ['is_eror()', 'is_eror', /unknown function or macro/, /is_error\(\)/],
    ['starts_wiht(direction, "a")', 'starts_wiht', /unknown/, /starts_with/],
    [
      'starts_with(direction)',
      'starts_with(direction)',
      /expects 2 arguments, got 1/,
      /value, prefix/,
    ],
    ['http.req.query.a["b"] == "1"', 'http.req.query.a["b"]', /takes no key/, /query\["key"\]/],
    ['http.res.code == 4', 'http.res.code', /unknown/, /fields of http\.res: status, headers/],
    ['link.teir == "none"', 'link.teir', /unknown/, /did you mean link\.tier\?/],
    ['is_error and true', 'is_error', /is_error is a macro/, /write is_error\(\)/],
    ['dst.ip in 10.0.0.0/33', '10.0.0.0/33', /"10\.0\.0\.0\/33" is no network/, /32 bits/],
    ['dst.ip in ::1/129', '::1/129', /is no network/],
    ['dst.ip in 10.0/8', '10.0/8', /is no network/],
    ['http.req.path matches /a/i', 'i', /no flags/, /\/\(\?i\)\.\.\.\//],
    ['http.res.status / 100 == 4', '/ 100 == 4', /no end/, /no arithmetic/],
    ['http.req.path == “x”', '“', /unexpected/, /straight quotes/],
    ['tls.enabled # of course', '#', /unexpected/, /begins with --/],
    ['is_error(1)', 'is_error(1)', /macro "is_error" expects 0 arguments, got 1/],
    ['in_zone(http.res.status, "a")', 'http.res.status', /is text, not number/],
    ['is_error() > 5', 'is_error()', /numbers and fields/, /macro/],
    ['true /* open', '/* open', /comment has no end/],
    ['direction == "é" and http.res.statsu', 'http.res.statsu', /unknown field/],
  ];
  for (const [text, at, message, hint] of table) {
    test(text, () => {
      const problem = problemOf(text, { is_error: 'http.res.status >= 400' });
      assert.equal(pointed(text, problem), at);
      assert.match(problem.message, message);
      if (hint !== undefined) assert.match(problem.hint, hint);
    });
  }
});

describe('a warning points at what is probably not meant', () => {
  const table: readonly (readonly [
    text: string,
    at: string | null,
    message?: RegExp,
    hint?: RegExp,
  ])[] = [
    [
      'http.res.status == 1 or tls.enabled and link.resend == 1',
      'tls.enabled and link.resend == 1',
      /other way round/,
    ],
    ['http.res.status == 1 or (tls.enabled and link.resend == 1)', null],
    ['(http.res.status == 1 or tls.enabled) and link.resend == 1', null],
    ['http.res.status == "200"', 'http.res.status == "200"', /never true/, /without quotes/],
    ['direction == "egress"', 'direction == "egress"', /one of ingress, egress-internal/],
    [
      'direction == "egress"',
      'direction == "egress"',
      /never true/,
      /starts_with\(direction, "egress"\)/,
    ],
    ['direction == "INGRESS"', 'direction == "INGRESS"', /never true/, /did you mean "ingress"\?/],
    ['47:45 == http.req.method', '47:45 == http.req.method', /never true/, /stand on the right/],
    ['http.req.method matches /a/ and tls.enabled', null],
    ['direction in ["egress", "ingress"]', null],
    ['src.ip matches /^10/', 'src.ip matches /^10/', /never true/, /in 10\.0\.0\.0\/8/],
    ['db == "x"', 'db == "x"', /constant/, /two hex digits/],
    ['http.req.method in [/GET/]', 'http.req.method in [/GET/]', /never true/],
    ['http.req.method > 5', 'http.req.method > 5', /never true/],
    ['tls.enabled == 1', 'tls.enabled == 1', /never true/],
    ['/^G/ == http.req.method', '/^G/ == http.req.method', /never true/],
    ['http.req.method contains ["G"]', 'http.req.method contains ["G"]', /never true/],
    ['http.req.method == 10.0.0.1', null],
    ['tags contains "a"', null],
    ['http.res.status != 200 or true', null],
  ];
  for (const [text, at, message, hint] of table) {
    test(text, () => {
      const [warning] = expressionOf(text).warnings;
      if (at === null) return assert.equal(warning, undefined);
      assert.ok(warning !== undefined);
      assert.equal(pointed(text, warning), at);
      assert.match(warning.message, message ?? /./);
      assert.match(warning.hint, hint ?? /|/);
    });
  }
});

describe('macros', () => {
  const faults = (...sources: (readonly [name: string, expr: string])[]) => {
    const result = compileMacros(sources.map(([name, expr]) => ({ name, expr })));
    if (result.ok) return [];
    return result.problems.map(({ index, isName, problem }) => {
      const text = sources[index]?.[isName ? 0 : 1] ?? '';
      return [index, pointed(text, problem), problem.message] as const;
    });
  };

  test('may call one another in any order', () => {
    const sources = [
      ['a', 'b() or c()'],
      ['b', 'c()'],
      ['c', 'true'],
    ] as const;
    assert.deepEqual(faults(...sources), []);
  });

  test('in a ring are refused at the call that closes it', () => {
    const found = faults(['a', 'true and b()'], ['b', 'not c()'], ['c', 'a() == true']);
    assert.deepEqual(found, [[2, 'a()', 'macros call one another in a ring: a -> b -> c -> a']]);
    assert.deepEqual(
      faults(['x', 'x()']).map(([, at]) => at),
      ['x()'],
    );
    assert.equal(faults(['x', 'starts_with(x(), "a")']).length, 1);
  });

  test('have names of their own', () => {
    assert.match(String(faults(['starts_with', 'true'])), /name of a function/);
    assert.match(String(faults(['a', 'true'], ['a', 'false'])), /1,a,macro "a" is defined twice/);
    assert.match(String(faults(['is-it', 'true'])), /no name/);
    assert.match(String(faults(['', 'true'])), /no name/);
  });

  test('are all checked, not only the first', () => {
    const found = faults(['a', 'http.res.statsu'], ['b', 'true'], ['c', 'nope()']);
    assert.deepEqual(
      found.map(([index, at]) => [index, at]),
      [
        [0, 'http.res.statsu'],
        [2, 'nope'],
      ],
    );
    assert.deepEqual(
      faults(['a', '=='], ['b', '==']).map(([index]) => index),
      [0, 1],
    );
  });

  test('give their warnings once, to whoever reads the macros', () => {
    const result = compileMacros([{ name: 'a', expr: 'http.res.status == "1"' }]);
    assert.ok(result.ok);
    assert.deepEqual(
      result.macros.warnings.map(({ index }) => index),
      [0],
    );
    assert.deepEqual(expressionOf('a()', { a: 'http.res.status == "1"' }).warnings, []);
  });

  test('bring their fields along', () => {
    const { fields } = expressionOf('outer()', {
      outer: 'inner() and tls.enabled',
      inner: 'http.req.headers.X-Id == "1"',
    });
    assert.deepEqual([...fields.keys()].sort(), ['http.req.headers.x-id', 'tls.enabled']);
  });

  test('that call macros do not multiply', () => {
    const list: Record<string, string> = { m0: 'http.res.status == 200' };
    for (let i = 1; i <= 100; i++) list[`m${i}`] = `m${i - 1}() and m${i - 1}() and m${i - 1}()`;
    assert.deepEqual([...expressionOf('m100()', list).fields.keys()], ['http.res.status']);
  });
});
