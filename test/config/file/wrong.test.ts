/** Every wrong configuration gives one clear error with a place, and no stack trace. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatProblem } from '../../../src/config/file/problem.ts';
import { FILE, GRAMMARS, load } from './load.ts';
import { WRONG } from './wrong.ts';

test('the table has at least sixty cases, each with its own name', () => {
  assert.ok(WRONG.length >= 60);
  assert.equal(new Set(WRONG.map(({ name }) => name)).size, WRONG.length);
});

describe('one error with its place for', () => {
  for (const { name, text, error, hint } of WRONG) {
    test(name, () => {
      const { config, problems } = load(text, { grammars: GRAMMARS });
      const errors = problems.filter(({ severity }) => severity === 'error');
      assert.equal(config, undefined);
      assert.equal(errors.length, 1, errors.map(formatProblem).join('\n'));
      const [{ line, column, message, hint: given = '' }] = errors;
      assert.equal(`${line}:${column} ${message}`.slice(0, error.length), error);
      assert.ok(given.includes(hint ?? ''), `${given} does not say ${hint}`);
      const shown = formatProblem(errors[0]);
      assert.ok(shown.startsWith(`${FILE}:${line}:${column}: error: `), shown);
      assert.doesNotMatch(shown, /\.ts:\d+|^\s+at /m);
    });
  }
});
