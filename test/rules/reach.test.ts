/** Rules that can change nothing: which are found, and that none is called so that can. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findUnreachable } from '../../src/rules/sets/reach.ts';
import { createVerdict, evaluate, type RuleSet } from '../../src/rules/sets/rule-set.ts';
import { Random } from '../link/random.ts';
import { type RuleText, ruleSetOf, sourceOf } from './rules.ts';

const MACROS = {
  is_error: 'http.res.status >= 400',
  is_read: 'http.req.method in ["GET", "HEAD"]',
  is_other: 'http.req.method == "POST" or http.req.path == "/a"',
};

/** The second rule behind the first. */
function isTaken(first: string, second: string): boolean {
  const rules = [first, second].map((expr): RuleText => ({ expr, level: 'full' }));
  return findUnreachable(ruleSetOf(rules, { match: 'first', macros: MACROS })).length > 0;
}

describe('a rule takes what a later one could match', () => {
  const pairs: [string, string][] = [
    ['http.res.status >= 400', 'http.res.status >= 500'],
    ['http.res.status >= 400', 'http.res.status == 404'],
    ['is_error()', 'http.res.status in [404, 500]'],
    ['http.res.status > 399', '400 <= http.res.status and http.req.path == "/a"'],
    ['http.res.status != 200', 'is_error()'],
    ['http.res.status < 500', 'http.res.status >= 400 and http.res.status <= 499'],
    ['http.req.path matches /^\\/api/', 'http.req.path == "/api/users"'],
    ['starts_with(http.req.path, "/api")', 'http.req.path == "/api"'],
    ['is_read()', 'http.req.method == "HEAD"'],
    ['http.req.method in ["GET", "HEAD", "PUT"]', 'is_read()'],
    ['is_other()', 'http.req.path == "/a"'],
    ['is_error() or is_read()', 'http.req.headers.x == "1" and is_error()'],
    ['not http.req.method == "GET"', 'http.req.method == "PUT"'],
  ];
  for (const [first, second] of pairs) {
    test(`${first} | ${second}`, () => assert.equal(isTaken(first, second), true));
  }
});

describe('a rule leaves something to a later one', () => {
  const pairs: [string, string][] = [
    ['http.res.status >= 500', 'http.res.status >= 400'],
    ['http.res.status > 400', 'http.res.status >= 400'],
    ['http.res.status >= 400', 'http.res.ttfb_ms >= 500'],
    ['http.res.status >= 400', 'http.res.status in [200, 404]'],
    ['http.req.path matches /^\\/api/', 'http.req.path matches /^\\/api\\/v1/'],
    // Of two values of a header, one can be the other one.
    ['http.req.headers.x != ["1", "2"]', 'http.req.headers.x == "3"'],
    ['not http.req.headers.x == "1"', 'http.req.headers.x == "2"'],
    ['is_error() and is_read()', 'is_error()'],
  ];
  for (const [first, second] of pairs) {
    test(`${first} | ${second}`, () => assert.equal(isTaken(first, second), false));
  }
});

describe('a rule never matches that asks one field for', () => {
  for (const expr of [
    'http.res.status > 500 and http.res.status < 400',
    'is_error() and http.res.status == 200',
    'http.req.path == "/a" and http.req.path == "/b"',
    'is_read() and http.req.method == "POST"',
  ]) {
    test(expr, () => {
      const [found] = findUnreachable(ruleSetOf([{ expr, level: 'full' }], { macros: MACROS }));
      assert.equal(found?.why, 'can never match');
    });
  }
});

const ATOMS = [
  ...['==', '!=', '<', '<=', '>', '>='].flatMap((operator) =>
    [200, 404, 500].map((status) => `http.res.status ${operator} ${status}`),
  ),
  'http.res.status in [200, 404]',
  'http.req.path == "/a"',
  'http.req.path != "/b"',
  'http.req.path matches /a/',
  'http.req.headers.x == "1"',
  'http.req.headers.x != "1"',
  'http.req.headers.x in ["1", "2"]',
  'starts_with(http.req.path, "/a")',
  ...Object.keys(MACROS).map((name) => `${name}()`),
];
const LEVELS = ['none', 'summary', 'details', 'full'] as const;
const ROWS = [0, 200, 404, 500].flatMap((status) =>
  ['/a', '/b', '/ab'].flatMap((target) =>
    ['GET', 'POST'].flatMap((method) =>
      [[], ['1'], ['2'], ['1', '3']].map((values) => {
        const headers = values.map((value): [string, string] => ['x', value]);
        return { status, target, method, headers };
      }),
    ),
  ),
);

function randomCondition(random: Random, depth = 2): string {
  const kind = depth === 0 ? 0 : random.below(5);
  if (kind < 2) return ATOMS[random.below(ATOMS.length)];
  const inner = () => randomCondition(random, depth - 1);
  if (kind === 2) return `not (${inner()})`;
  return `(${inner()}) ${kind === 3 ? 'and' : 'or'} (${inner()})`;
}

const without = (set: RuleSet, index: number): RuleSet => ({
  ...set,
  rules: set.rules.toSpliced(index, 1),
});

test('without a rule that can change nothing, every exchange gets the same', () => {
  const random = new Random(7);
  let found = 0;
  for (let round = 0; round < 400; round++) {
    const rules = Array.from(
      { length: 4 },
      (): RuleText => ({ expr: randomCondition(random), level: LEVELS[random.below(4)] }),
    );
    const match = random.below(2) === 0 ? 'raise' : 'first';
    const set = ruleSetOf(rules, { match, macros: MACROS, level: LEVELS[random.below(4)] });
    for (const { index } of findUnreachable(set)) {
      found++;
      for (const row of ROWS) {
        const levels = [set, without(set, index)].map(
          (each) => evaluate(each, sourceOf(row), createVerdict()).level,
        );
        assert.equal(levels[1], levels[0], `${JSON.stringify(rules)} ${match} without ${index}`);
      }
    }
  }
  assert.ok(found > 100, String(found));
});
