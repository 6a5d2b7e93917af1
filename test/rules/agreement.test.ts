/** The quick forms of comparisons against the table of kinds, over every pair of field and literal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileExpression, compileMacros } from '../../src/rules/expression.ts';
import type { FieldType } from '../../src/rules/fields/field.ts';
import { ipOf } from '../../src/rules/values/address.ts';
import type { Value } from '../../src/rules/values/value.ts';
import { OpenSchema, PlainSource } from './plain-source.ts';

const LITERALS = [
  '"GET"',
  '""',
  '"é"',
  '"10.1.2.3"',
  '10.1.2.3',
  '10.0.0.0/8',
  '::ffff:10.1.2.3',
  'fe80::/10',
  '47:45:54',
  '"ab:3b:06:07:b2:ef"',
  '/^G/',
  '/T$/',
  '/(?i)get/',
  '5',
  '-0.5',
  '9007199254740993',
  'true',
  '["GET", "é", 5]',
  '[10.0.0.0/8, "GET", 1.1.1.1]',
  '[/^G/, 47:45:54]',
  '["a","b","c","d","e","f","g","h","i","GET",10.1.2.3,/^é/]',
] as const;

const OPERATORS = ['==', '!=', 'contains', 'matches', 'in', '<', '<=', '>', '>='] as const;

const VALUES: readonly (readonly [FieldType, Value])[] = [
  ...[
    'GET',
    'get',
    '',
    'é',
    'xé',
    '10.1.2.3',
    '11.0.0.1',
    '::ffff:10.1.2.3',
    'AB:3B:06:07:B2:EF',
    '5',
    'i',
  ].map((text) => ['text', text] as const),
  ['text', { kind: 'several', values: ['x', 'GET'] }],
  ['text', { kind: 'several', values: ['x', '10.1.2.3', ''] }],
  ...[5, 0, -0.5, Number.MAX_SAFE_INTEGER].map((number) => ['number', number] as const),
  ['flag', true],
  ['flag', false],
  ['address', ipOf('10.1.2.3') ?? null],
  ['address', ipOf('fe80::1') ?? null],
  ['words', { kind: 'words', values: ['GET', 'é'] }],
  ['words', { kind: 'words', values: [] }],
];

test('a typed field gives what an untyped one gives', () => {
  let compared = 0;
  for (const [type, value] of VALUES) {
    for (const operator of OPERATORS) {
      for (const literal of LITERALS) {
        const texts = [
          `f ${operator} ${literal}`,
          `${literal} ${operator} f`,
          `not f ${operator} ${literal}`,
        ];
        for (const text of texts) {
          const results = (['any', type] as const).map((each) => resultOf(text, each, value));
          if (results[0] === undefined) continue;
          compared++;
          assert.equal(results[1], results[0], `${type} ${JSON.stringify(value)}: ${text}`);
        }
      }
    }
    for (const text of ['f', 'not f', 'starts_with(f, "G")', 'starts_with(f, "é")', 'f == f']) {
      assert.equal(resultOf(text, type, value), resultOf(text, 'any', value), `${type}: ${text}`);
    }
  }
  assert.ok(compared > 2_000);
});

/** Undefined when it is refused. Whether it can be true at all must not contradict the result. */
function resultOf(text: string, type: FieldType, value: Value): number | undefined {
  const macros = compileMacros([], new OpenSchema(new Map([['f', type]])));
  assert.ok(macros.ok);
  const compiled = compileExpression(text, macros.macros);
  if (!compiled.ok) return undefined;
  const result = compiled.rule.test(new PlainSource({ f: value }));
  const bit = result === 1 ? 1 : result === 0 ? 2 : 4;
  assert.ok((compiled.rule.outcomes & bit) !== 0, `${text} for ${type} was thought impossible`);
  return result;
}
