/** Places inside expressions, whichever way YAML writes the text. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { wordsOf } from '../../../src/config/file/expression-words.ts';
import type { Grammars } from '../../../src/config/file/finding.ts';
import { GRAMMARS, load } from './load.ts';

/** Finds the word BAD. */
const grammars: Grammars = {
  expressions: () => (text) => {
    const offset = text.indexOf('BAD');
    return offset < 0 ? [] : [{ severity: 'error', offset, message: 'bad' }];
  },
};

/** `expr` with what follows its key, as it stands in the file from line 4 on. */
function placeIn(expr: string): string {
  const text = `rulekit:\n  macros:\n    - name: m\n      expr: ${expr}\n`;
  const { problems } = load(text, { grammars });
  const errors = problems.filter(({ severity }) => severity === 'error');
  assert.equal(errors.length, 1);
  return `${errors[0].line}:${errors[0].column}`;
}

describe('the place of a mistake inside', () => {
  const cases: [string, string, string][] = [
    ['plain text', 'a == 1 && BAD', '4:23'],
    ['single quotes', "'a == 1 && BAD'", '4:24'],
    ['single quotes with a quote', "'a == ''x'' && BAD'", '4:28'],
    ['double quotes with escapes', '"a == \\"x\\" && \\u0041 BAD"', '4:35'],
    ['text over two lines', 'a == 1 &&\n        BAD', '5:9'],
    ['a literal block', '|\n        a == 1 &&\n          BAD', '6:11'],
    ['a folded block', '>\n        a == 1\n        && BAD', '6:12'],
    ['a stripped block', '|-\n        BAD', '5:9'],
    ['text that is no YAML', '!a() && BAD', '4:21'],
    ['text that is no YAML, and a comment', '!a() && BAD # really', '4:21'],
    ['letters of two units', '"😀 é BAD"', '4:19'],
  ];
  for (const [name, expr, place] of cases) {
    test(name, () => {
      const own = expr.includes('!a()') ? expr.replace('!a()', '!b ') : expr;
      const shift = own.length - expr.length;
      const [line, column] = place.split(':').map(Number);
      assert.equal(placeIn(own), `${line}:${column + shift}`);
    });
  }

  test('an expression behind an alias is that of the anchor', () => {
    const text = 'x-e: &e "x == BAD"\nrulekit: {macros: [{name: m, expr: *e}]}';
    const { problems } = load(text, { grammars });
    assert.deepEqual(
      problems.filter(({ message }) => message === 'bad').map(({ line, column }) => [line, column]),
      [[1, 15]],
    );
  });
});

test('a missing macro and what the grammar says of it are one error', () => {
  const text = 'rulekit: {macros: [{name: m, expr: BAD()}]}';
  const errors = load(text, { grammars }).problems.filter(({ severity }) => severity === 'error');
  assert.deepEqual(
    errors.map(({ message }) => message),
    ['no macro or function "BAD"'],
  );
});

test('patterns that are not RE2, or too large, are errors', () => {
  const cases: [string, RegExp][] = [
    ["tap: {filters: {custom: [{exe: '(', strategy: regex}]}}", /^the pattern is not valid/],
    ["tap: {filters: {custom: [{exe: '(?=x)', strategy: regex}]}}", /^the pattern is not valid/],
    ["redaction: {rules: [{type: regex, pattern: '(a)\\1'}]}", /^the pattern is not valid/],
    [
      "redaction: {rules: [{type: regex, pattern: '((a{10}){10}){10}((b{10}){10}){10}((c{9}){9}){9}((d{9}){9}){9}((e{9}){9}){9}((f{9}){9}){9}((g{10}){10}){10}((h{10}){10}){10}((i{10}){10}){10}((j{10}){10}){10}((k{10}){10}){10}((l{10}){10}){10}'}]}",
      /states|longer|repeat/,
    ],
  ];
  for (const [text, message] of cases) {
    const { problems } = load(text, { grammars: GRAMMARS });
    assert.equal(problems.length, 1, text);
    assert.match(problems[0].message, message);
  }
  assert.deepEqual(
    load("tap: {filters: {custom: [{exe: '(', strategy: exact}]}}", { grammars: GRAMMARS })
      .problems,
    [],
  );
});

describe('words of an expression', () => {
  test('are no calls inside texts, patterns and comments', () => {
    const text = `a() && x == "b()" || y == 'c()' or z matches /d\\/()/ and w =~ |e()| -- f()\n and not g ( ) /* h() */`;
    const calls = wordsOf(text).filter(({ kind }) => kind === 'call');
    assert.deepEqual(
      calls.map(({ text: name }) => name),
      ['a', 'g'],
    );
    assert.deepEqual(
      calls.map(({ offset }) => offset),
      [0, text.indexOf('g (')],
    );
  });

  test('of addresses do not begin a pattern', () => {
    assert.deepEqual(wordsOf('ip in 10.0.0.0/8 and b()').at(-3)?.text, 'b');
  });

  test('end, whatever the text', () => {
    for (const text of ['"open', "'", '/x', '|', '\\', '((((', '&&&', '', '\0', '😀']) {
      const length = wordsOf(text).reduce((sum, word) => sum + word.text.length, 0);
      assert.equal(length, text.length, text);
    }
  });
});

test('mistakes of macros and of rules that call them are all told in one run', () => {
  const text = [
    'rulekit: {macros: [{name: wrong, expr: tls.enabledd}, {name: right, expr: tls.enabled}]}',
    'stacks:',
    '  s:',
    '    plugins:',
    '      - type: http_capture',
    '        config:',
    '          rules:',
    '            - {name: a, expr: wrong(), level: full}',
    '            - {name: b, expr: right() and tls.vrsion > 1, level: full}',
  ].join('\n');
  const { problems } = load(text, { grammars: GRAMMARS });
  const errors = problems.filter(({ severity }) => severity === 'error');
  assert.deepEqual(
    errors.map(({ line }) => line),
    [1, 9],
  );
});
