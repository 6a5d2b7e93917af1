import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expressionGrammar, patternGrammar } from '../../src/rules/grammar.ts';

const found = (text: string, macros: Readonly<Record<string, string>> = {}) => {
  const sources = Object.entries(macros).map(([name, expr]) => ({ name, expr }));
  return expressionGrammar(sources)(text).map(({ severity, offset }) => [severity, offset]);
};

test('errors and warnings of a text come with their place', () => {
  assert.deepEqual(found('tls.enabled'), []);
  assert.deepEqual(found('tls.enabled and tls.enabledd'), [['error', 16]]);
  assert.deepEqual(found('http.res.status == "200"'), [['warning', 0]]);
});

test('a faulty macro is told about once, by its own text', () => {
  const macros = { bad: 'tls.enabledd', good: 'tls.enabled', ring: 'ring()', starts_with: 'true' };
  assert.deepEqual(found('bad() and good() and ring()', macros), []);
  assert.deepEqual(found('tls.enabledd', macros), [['error', 0]]);
  assert.deepEqual(found('good() and none()', macros), [['error', 11]]);
});

test('patterns that stand alone are checked alike', () => {
  assert.deepEqual(patternGrammar('^/usr/'), []);
  assert.match(patternGrammar('(')[0]?.message ?? '', /not valid/);
});
