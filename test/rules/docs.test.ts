/** What docs/rules.md says is so: its examples run, its tables are those of the compiler. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { limits } from '../../src/config/limits.ts';
import { FUNCTIONS } from '../../src/rules/compile/functions.ts';
import { SCHEMA } from '../../src/rules/fields/schema.ts';
import { FALSE, MISSING, TRUE } from '../../src/rules/types.ts';
import { rulesReference } from '../../tools/gen/rules-reference.ts';
import type { Row } from '../export/rows.ts';
import { expressionOf, sourceOf } from './rules.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/rules.md'), 'utf8');

const MACROS = { is_error: 'http.res.status >= 400', is_health: 'http.req.path == "/health"' };
const RESULTS = { [TRUE]: 'yes', [FALSE]: 'no', [MISSING]: 'missing' } as const;

/** `GET /a 200 Name=value ...` */
function rowOf(text: string): Row {
  const match = /^(\S+) (\S+) (\d+)(.*)$/.exec(text);
  assert.ok(match, text);
  const [, method = '', target = '', status = '', rest = ''] = match;
  const headers = [...rest.matchAll(/ ([^=]+)=(\S+)/g)].map(
    ([, name = '', value = '']): [string, string] => [name, value],
  );
  return { method, target, status: Number(status), headers };
}

describe('examples of docs/rules.md', () => {
  const blocks = [...page.matchAll(/```rule\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  const lines = blocks.flatMap((block) => block.trim().split('\n'));

  test('are there', () => assert.ok(lines.length > 20));

  for (const line of lines) {
    test(line, () => {
      const match = /^(.*?) +-- (.*): (yes|no|missing)$/.exec(line);
      assert.ok(match);
      const [, text = '', exchange = '', result = ''] = match;
      const { test: matches, warnings } = expressionOf(text, MACROS);
      assert.equal(RESULTS[matches(sourceOf(rowOf(exchange)))], result);
      assert.deepEqual(warnings, []);
    });
  }
});

test('the tables are generated from those of the compiler: npm run gen', () => {
  assert.equal(rulesReference()['docs/rules.md'], page);
});

test('every function, operator and field stands in its table', () => {
  for (const name of [...FUNCTIONS.keys()])
    assert.match(page, new RegExp(`^\\| \`${name}\\(`, 'm'));
  for (const { name } of SCHEMA.fields) assert.ok(page.includes(`| \`${name}\` |`), name);
});

test('the limits are those in force', () => {
  const shown = [...page.slice(page.indexOf('## Limits')).matchAll(/\d+/g)].map(Number);
  const { ruleExpressionMax, ruleDepthMax, ruleListMax, rulePatternMax } = limits;
  const states = [rulePatternMax, limits.rulePatternProgramMax, limits.ruleMacrosMax];
  assert.deepEqual(shown, [ruleExpressionMax, ruleDepthMax, ruleListMax, ...states]);
});
