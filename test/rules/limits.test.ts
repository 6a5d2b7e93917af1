/** Bounds of expressions, and that no text whatever makes the parser throw. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { limits } from '../../src/config/limits.ts';
import { compileExpression, compileMacros } from '../../src/rules/expression.ts';
import { FALSE, TRUE } from '../../src/rules/types.ts';
import { compilePattern } from '../../src/rules/values/pattern.ts';
import { readCorpus } from './conformance.test.ts';
import { OpenSchema } from './plain-source.ts';
import { expressionOf, macrosOf, problemOf, sourceOf } from './rules.ts';

describe('bounds', () => {
  test('of the text are told at the first character too many', () => {
    const fits = `true ${' '.repeat(limits.ruleExpressionMax - 5)}`;
    assert.ok(expressionOf(fits));
    const { offset, message } = problemOf(`${fits} `);
    assert.deepEqual(
      [offset, message],
      [limits.ruleExpressionMax, 'an expression has at most 16384 characters'],
    );
  });

  test('of nesting hold for parentheses, not and calls', () => {
    const { ruleDepthMax: max } = limits;
    assert.ok(expressionOf(`${'('.repeat(max)}true${')'.repeat(max)}`));
    assert.match(problemOf(`${'('.repeat(max + 1)}true`).message, /nested deeper than 64/);
    assert.ok(expressionOf(`${'!'.repeat(max)}true`));
    assert.match(problemOf(`${'!'.repeat(max + 1)}true`).message, /nested deeper/);
    assert.match(problemOf(`${'f('.repeat(5_000)}1`).message, /nested deeper/);
    assert.match(problemOf('('.repeat(16_000)).message, /nested deeper/);
  });

  test('of lists are told at the element too many', () => {
    const list = (count: number) => Array.from({ length: count }, (_, i) => i).join(',');
    assert.ok(expressionOf(`http.res.status in [${list(limits.ruleListMax)}]`));
    const problem = problemOf(`http.res.status in [${list(limits.ruleListMax + 1)}]`);
    assert.match(problem.message, /at most 1024 elements/);
  });

  test('of patterns hold for their length and for what they grow to', () => {
    const long = 'a'.repeat(limits.rulePatternMax + 1);
    assert.match(problemOf(`direction matches /${long}/`).message, /longer than 1024 characters/);
    assert.match(problemOf('direction matches /(a?b?c?d?){400}/').message, /more than 1000 states/);
    assert.match(problemOf('direction matches /((a{100}){100}){100}/').message, /repeat/);
  });

  test('of macros are told at the macro too many', () => {
    const sources = Array.from({ length: limits.ruleMacrosMax + 1 }, (_, i) => ({
      name: `m${i}`,
      expr: i === 0 ? 'true' : `m${i - 1}()`,
    }));
    const result = compileMacros(sources);
    assert.ok(!result.ok);
    assert.deepEqual(
      result.problems.map(({ index }) => index),
      [limits.ruleMacrosMax],
    );
    const fitting = compileMacros(sources.slice(0, -1));
    assert.ok(fitting.ok);
    const compiled = compileExpression(`m${limits.ruleMacrosMax - 1}()`, fitting.macros);
    assert.ok(compiled.ok && compiled.rule.test(sourceOf({})) === TRUE);
  });

  test('leave long chains of and, or and comparisons alone', () => {
    const chain = Array.from({ length: 500 }, (_, i) => `http.res.status == ${i}`);
    assert.equal(expressionOf(chain.join(' or ')).test(sourceOf({ status: 499 })), TRUE);
    assert.equal(expressionOf(chain.join(' and ')).test(sourceOf({ status: 499 })), FALSE);
  });
});

describe('any text at all', () => {
  const macros = compileMacros([], new OpenSchema());
  assert.ok(macros.ok);
  /** Compiles, or names a place inside the text. */
  const check = (text: string): void => {
    const compiled = compileExpression(text, macros.macros);
    if (compiled.ok) return;
    const { offset, length, message } = compiled.problem;
    assert.ok(offset >= 0 && length >= 0 && offset + length <= text.length, `${text}: ${offset}`);
    assert.ok(message.length > 0, text);
  };

  test('that begins like a rule gives a rule or a problem with its place', () => {
    for (const { expression } of readCorpus()) {
      for (let end = 0; end <= expression.length; end++) check(expression.slice(0, end));
    }
  });

  test('with a character missing, doubled or replaced does too', () => {
    let seed = 4;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    const alphabet = '()[]!&|=<>"\'/\\.,:-_ \n\0aZ09é😀';
    for (const { expression } of readCorpus()) {
      for (let round = 0; round < 20; round++) {
        const at = random(expression.length);
        const char = alphabet[random(alphabet.length)] ?? '';
        check(expression.slice(0, at) + expression.slice(at + 1));
        check(expression.slice(0, at) + char + expression.slice(at));
        check(expression.slice(0, at) + char + expression.slice(at + 1));
      }
    }
  });

  test('of one repeated token does too', () => {
    const tokens = [
      '(',
      ')',
      '[',
      '!',
      'not ',
      'a ',
      '1 ',
      '"',
      '/',
      '|',
      '/*',
      '--',
      ':',
      '1.',
      '::',
      'a[',
      'f(',
      '\\',
      '=',
      'a.',
      '\ud800',
    ];
    for (const token of tokens)
      check(token.repeat(Math.floor(limits.ruleExpressionMax / token.length)));
  });
});

describe('patterns', () => {
  test('that blow up in backtracking engines take linear time', () => {
    for (const source of [
      '(a+)+$',
      '(a|aa)+$',
      '(a|a?)+$',
      '(.*a){12}$',
      '^(([a-z])+.)+[A-Z]([a-z])+$',
    ]) {
      const compiled = compilePattern(source);
      assert.ok(compiled.ok, source);
      const quick = cpuMs(() => compiled.pattern.test(`${'a'.repeat(4_000)}!`));
      const slow = cpuMs(() => compiled.pattern.test(`${'a'.repeat(16_000)}!`));
      // A backtracking engine would not end in the age of the universe.
      assert.ok(quick + slow < 2_000, `${source}: ${quick} ms, ${slow} ms`);
    }
  });

  test('of bytes give what the engine gives', () => {
    const sources = [
      '^/api/',
      '/api/$',
      '^/a$',
      'dc2-',
      '',
      '^',
      '$',
      '^$',
      '^[a-c]x[0-9]$',
      '\\.js$',
      'a[b-d][.]',
      '[a-z-]x',
      '\\/a\\-b',
    ];
    const texts = [
      '',
      '/',
      '/a',
      '/api/',
      '/api',
      'x/api/',
      'dc2-',
      'adc2',
      'dc2-dc2-',
      'ax1',
      'bx12',
      'app.js',
      'app_js',
      'ab.',
      '-x',
      'zx',
      '/a-b',
      'é/a-b',
      'aab.aad.',
    ];
    for (const source of sources) {
      const compiled = compilePattern(source);
      assert.ok(compiled.ok && compiled.pattern.plain !== null, source);
      const { test: isQuick } = expressionOf(
        `http.req.headers.x matches /${source.replaceAll(/(?<!\\)\//g, '\\/')}/`,
      );
      for (const text of texts) {
        const row = {
          headers: [['X', Buffer.from(text).toString('latin1')]] as [string, string][],
        };
        const expected: number = compiled.pattern.test(text) ? TRUE : FALSE;
        assert.equal(isQuick(sourceOf(row)), expected, `${source} on ${text}`);
      }
    }
  });

  test('that need the engine are known as such', () => {
    for (const source of ['a*', 'a|b', '(a)', '.', '\\d', '(?i)a', 'é', '[^a]', 'a{2}', '\\bx']) {
      const compiled = compilePattern(source);
      assert.ok(compiled.ok && compiled.pattern.plain === null, source);
    }
  });

  test('on the same field run once per exchange', () => {
    const macros = macrosOf();
    const texts = ['http.req.path matches /a+/', 'http.req.path matches /a+/ and true'];
    const [first, second] = texts.map((text) => compileExpression(text, macros));
    assert.ok(first?.ok && second?.ok);
    const source = sourceOf({ target: '/aa' });
    assert.equal(first.rule.test(source), TRUE);
    let asked = 0;
    const counting = new Proxy(source, {
      get: (target, name) => {
        if (name === 'text') asked++;
        const value = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    assert.equal(second.rule.test(counting), TRUE);
    assert.equal(asked, 0);
  });
});

function cpuMs(run: () => void): number {
  const begin = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1_000;
}
