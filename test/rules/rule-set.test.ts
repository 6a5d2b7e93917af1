import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mostCopied } from '../../src/rules/sets/most-copied.ts';
import { findUnreachable } from '../../src/rules/sets/reach.ts';
import { createVerdict, evaluate, type RuleSet } from '../../src/rules/sets/rule-set.ts';
import type { Row } from '../export/rows.ts';
import { ruleSetOf, sourceOf } from './rules.ts';

function levelOf(set: RuleSet, row: Row): string {
  return evaluate(set, sourceOf(row), createVerdict()).level;
}

const isError = 'http.res.status >= 400';
const isHealth = 'http.req.path == "/health"';

describe('levels', () => {
  test('are the default where no rule matches', () => {
    const set = ruleSetOf([{ expr: isError, level: 'full' }], { level: 'summary' });
    assert.equal(levelOf(set, { status: 200 }), 'summary');
    assert.equal(levelOf(set, { status: 0 }), 'summary');
  });

  test('of the first match replace the default, even by less', () => {
    const set = ruleSetOf([{ expr: isHealth, level: 'summary' }], { level: 'full' });
    assert.equal(levelOf(set, { target: '/health' }), 'summary');
    assert.equal(levelOf(set, { target: '/' }), 'full');
  });

  test('of later matches only raise it', () => {
    const set = ruleSetOf([
      { expr: 'http.req.method == "GET"', level: 'details' },
      { expr: isError, level: 'full' },
      { expr: isHealth, level: 'summary' },
    ]);
    assert.equal(levelOf(set, { status: 500 }), 'full');
    assert.equal(levelOf(set, { target: '/health' }), 'details');
    assert.equal(levelOf(set, { method: 'POST', target: '/health' }), 'summary');
  });

  test('of a none end the evaluation: none, or what was reached before', () => {
    const rules = [
      { expr: `${isHealth} and http.res.status == 500`, level: 'details' },
      { expr: isHealth, level: 'none' },
      { expr: isError, level: 'full' },
    ] as const;
    const set = ruleSetOf(rules, { level: 'summary' });
    assert.equal(levelOf(set, { target: '/health', status: 404 }), 'none');
    assert.equal(levelOf(set, { target: '/health', status: 500 }), 'details');
    assert.equal(levelOf(set, { status: 404 }), 'full');
  });

  test("follow the first match alone with match: first, as Qtap's do", () => {
    const rules = [
      { expr: 'http.req.method == "GET"', level: 'summary' },
      { expr: isError, level: 'full' },
    ] as const;
    assert.equal(levelOf(ruleSetOf(rules, { match: 'first' }), { status: 500 }), 'summary');
    assert.equal(levelOf(ruleSetOf(rules), { status: 500 }), 'full');
  });

  test('are not given by a rule that misses a field', () => {
    const set = ruleSetOf([{ expr: 'not http.req.headers.x-debug == "1"', level: 'full' }]);
    assert.equal(levelOf(set, {}), 'none');
    assert.equal(levelOf(set, { headers: [['X-Debug', '0']] }), 'full');
  });
});

describe('a verdict', () => {
  test('names the rule that gave the level', () => {
    const set = ruleSetOf([
      { name: 'all', expr: 'http.res.status > 0', level: 'summary' },
      { name: 'errors', expr: isError, level: 'full' },
      { name: 'again', expr: isError, level: 'full' },
    ]);
    const verdict = createVerdict();
    assert.equal(evaluate(set, sourceOf({ status: 500 }), verdict).matched?.name, 'errors');
    assert.equal(evaluate(set, sourceOf({ status: 200 }), verdict).matched?.name, 'all');
    assert.equal(evaluate(set, sourceOf({ status: 0 }), verdict).matched, null);
  });

  test('has the highest sample of all rules that match, with or without a level', () => {
    const set = ruleSetOf([
      { expr: 'http.res.status > 0', sample: 0.1 },
      { expr: isError, level: 'full', sample: 1 },
      { expr: isHealth, sample: 0 },
    ]);
    const verdict = createVerdict();
    assert.equal(evaluate(set, sourceOf({ status: 500 }), verdict).sample, 1);
    assert.equal(evaluate(set, sourceOf({ target: '/health' }), verdict).sample, 0.1);
    assert.equal(evaluate(set, sourceOf({ status: 0, target: '/health' }), verdict).sample, 0);
    assert.equal(evaluate(set, sourceOf({ status: 0 }), verdict).sample, null);
  });

  test('keeps a sample that comes after the highest level, and store: always', () => {
    const set = ruleSetOf([
      { expr: isError, level: 'full' },
      { expr: 'http.res.status == 500', level: 'summary', sample: 0.5, isStoredAlways: true },
    ]);
    const verdict = evaluate(set, sourceOf({ status: 500 }), createVerdict());
    assert.deepEqual([verdict.level, verdict.sample, verdict.store], ['full', 0.5, 'always']);
  });
});

describe('unreachable rules', () => {
  const unreachable = (set: RuleSet) => findUnreachable(set).map(({ index }) => index);

  test('are those whose condition is never true', () => {
    const set = ruleSetOf([
      { expr: 'http.res.status == "200"', level: 'full' },
      { expr: 'direction == "egress"', level: 'full' },
      { expr: `${isError} and false`, level: 'full' },
      { expr: isError, level: 'full' },
    ]);
    assert.deepEqual(unreachable(set), [0, 1, 2]);
  });

  test('are those behind an unconditional none', () => {
    const set = ruleSetOf([
      { expr: isError, level: 'full' },
      { expr: 'true', level: 'none' },
      { expr: isHealth, level: 'full', sample: 1 },
    ]);
    assert.deepEqual(unreachable(set), [2]);
  });

  test('are those that an earlier rule takes with match: first', () => {
    const macros = { is_internal: 'http.req.path matches /^\\/api\\//' };
    const rules = [
      { expr: 'is_internal()', level: 'summary' },
      { expr: `is_internal() && ${isError}`, level: 'full' },
    ] as const;
    assert.deepEqual(unreachable(ruleSetOf(rules, { match: 'first', macros })), [1]);
    assert.deepEqual(unreachable(ruleSetOf(rules, { macros })), []);
  });

  test('are those that want a part of what a none has dropped', () => {
    const set = ruleSetOf([
      { expr: isHealth, level: 'none' },
      { expr: `${isError} and ${isHealth}`, level: 'full' },
      { expr: `${isError} or ${isHealth}`, level: 'full' },
    ]);
    assert.deepEqual(unreachable(set), [1]);
  });

  test('are those that only repeat, unless they sample or store', () => {
    const set = ruleSetOf([
      { expr: isError, level: 'full' },
      { expr: isError, level: 'details' },
      { expr: isError, level: 'details', sample: 1 },
      { expr: isError, isStoredAlways: true },
    ]);
    assert.deepEqual(unreachable(set), [1]);
  });
});

describe('the most that is copied', () => {
  const bodies = (sets: readonly RuleSet[]) => {
    const { ingress, egress } = mostCopied(sets);
    return [ingress.level, ingress.requestBody, egress.level, egress.requestBody];
  };

  test('is the highest level that any rule or default can give', () => {
    const errors = ruleSetOf([{ expr: isError, level: 'full' }]);
    const details = ruleSetOf([], { level: 'details' });
    assert.deepEqual(bodies([]), ['none', false, 'none', false]);
    assert.deepEqual(bodies([details]), ['details', false, 'details', false]);
    assert.deepEqual(bodies([details, errors]), ['full', true, 'full', true]);
  });

  test('is told apart by direction', () => {
    const macros = { inbound: 'direction == "ingress"' };
    const set = ruleSetOf([{ expr: `inbound() and ${isError}`, level: 'full' }], {
      level: 'summary',
      macros,
    });
    assert.deepEqual(bodies([set]), ['full', true, 'summary', false]);
    const egress = ruleSetOf([{ expr: 'starts_with(direction, "egress")', level: 'full' }]);
    assert.deepEqual(bodies([egress]), ['none', false, 'full', true]);
    const external = ruleSetOf([{ expr: 'direction == "egress-external"', level: 'full' }]);
    assert.deepEqual(bodies([external]), ['none', false, 'full', true]);
  });

  test('leaves out the default that an unconditional rule replaces, and what is behind a none', () => {
    const replaced = ruleSetOf([{ expr: 'true', level: 'summary' }], { level: 'full' });
    assert.deepEqual(bodies([replaced]), ['summary', false, 'summary', false]);
    const dropped = ruleSetOf(
      [
        { expr: 'direction == "ingress"', level: 'none' },
        { expr: isError, level: 'full' },
      ],
      { level: 'full' },
    );
    assert.deepEqual(bodies([dropped]), ['none', false, 'full', true]);
  });

  test('has the bodies of both sides when a rule asks whether the proxy changed one', () => {
    const set = ruleSetOf([
      { expr: 'direction == "ingress" and link.changed.response_body', level: 'details' },
    ]);
    const { ingress, egress } = mostCopied([set]);
    assert.deepEqual([ingress.requestBody, ingress.responseBody], [false, true]);
    assert.deepEqual([egress.requestBody, egress.responseBody], [false, true]);
  });
});
