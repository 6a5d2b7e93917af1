/** The corpus of test/corpus/rules, once with typed fields (quick forms) and once with untyped ones. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { compileExpression, compileMacros } from '../../src/rules/expression.ts';
import type { FieldType } from '../../src/rules/fields/field.ts';
import { FALSE, TRUE } from '../../src/rules/types.ts';
import { ipOf } from '../../src/rules/values/address.ts';
import type { Value } from '../../src/rules/values/value.ts';
import { OpenSchema, type Plain, PlainSource } from './plain-source.ts';

export interface Case {
  readonly title: string;
  readonly macros: readonly { readonly name: string; readonly expr: string }[];
  readonly expression: string;
  readonly lines: readonly { readonly input: string; readonly result: string }[];
}

export function readCorpus(): Case[] {
  const text = readFileSync(join(import.meta.dirname, '../corpus/rules/rulekit.txt'), 'utf8');
  return text.split(/^# ?/m).slice(1).map(readCase);
}

function readCase(block: string): Case {
  const [number, ...lines] = block.trimEnd().split('\n');
  const macros = lines.flatMap((line) => {
    const match = /^macro (\w+) = (.*)$/.exec(line);
    return match === null ? [] : [{ name: match[1] ?? '', expr: match[2] ?? '' }];
  });
  const [expression = '', ...inputs] = lines.slice(macros.length);
  const read = inputs.map((line) => {
    const match = /^(-|\{.*\}) => (true|false|missing|error)( \(Rulekit: .*\))?$/.exec(line);
    assert.ok(match, `corpus line ${JSON.stringify(line)}`);
    return { input: match[1] ?? '', result: match[2] ?? '' };
  });
  assert.ok(read.length > 0, `case ${block}`);
  return { title: `${number} ${expression}`.trim(), macros, expression, lines: read };
}

function toPlain(json: unknown): Plain {
  return Object.fromEntries(
    Object.entries(json as Record<string, unknown>).map(([name, value]) => [name, toValue(value)]),
  );
}

function toValue(value: unknown): Value | Plain {
  if (Array.isArray(value)) return value;
  if (typeof value !== 'object' || value === null) return value as Value;
  if ('ip' in value) return ipOf(String(value.ip)) ?? assert.fail('not an address');
  if ('mac' in value) return { kind: 'mac', text: String(value.mac) };
  if ('words' in value) return { kind: 'words', values: value.words as string[] };
  if ('several' in value) return { kind: 'several', values: value.several as string[] };
  return toPlain(value);
}

const TYPES: Readonly<Record<string, FieldType>> = {
  string: 'text',
  number: 'number',
  boolean: 'flag',
};

function typesOf(object: Plain): Map<string, FieldType> {
  const types = new Map<string, FieldType>();
  for (const [name, value] of Object.entries(object)) {
    const simple = TYPES[typeof value];
    if (simple !== undefined) types.set(name, simple);
    if (typeof value !== 'object' || value === null || !('kind' in value)) continue;
    if (value.kind === 'ip') types.set(name, 'address');
    if (value.kind === 'words') types.set(name, 'words');
    if (value.kind === 'several') types.set(name, 'text');
  }
  return types;
}

function resultOf({ macros, expression }: Case, object: Plain, isTyped: boolean): string {
  const schema = new OpenSchema(isTyped ? typesOf(object) : new Map());
  const compiledMacros = compileMacros(macros, schema);
  assert.ok(compiledMacros.ok);
  const compiled = compileExpression(expression, compiledMacros.macros);
  if (!compiled.ok) return 'error';
  const result = compiled.rule.test(new PlainSource(object));
  if (result === TRUE) return 'true';
  return result === FALSE ? 'false' : 'missing';
}

describe('conformance', () => {
  for (const each of readCorpus()) {
    test(each.title, () => {
      for (const { input, result } of each.lines) {
        const object = toPlain(input === '-' ? {} : JSON.parse(input));
        assert.equal(resultOf(each, object, false), result, `untyped ${input}`);
        assert.equal(resultOf(each, object, true), result, `typed ${input}`);
      }
    });
  }
});
