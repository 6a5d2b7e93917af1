/**
 * The face of the rule language: text in, something that can be asked about exchanges out.
 *
 *     const macros = compileMacros([{ name: 'is_error', expr: 'http.res.status >= 400' }]);
 *     const compiled = compileExpression('is_error() and http.req.method == "POST"', macros.macros);
 *     // Before that, once per file: await loadZones(all expressions), for zone().
 *     if (compiled.ok) compiled.rule.test(source); // TRUE, FALSE or MISSING
 */
import { compileNode } from './compile/condition.ts';
import {
  compileMacros as compileWith,
  type MacroSource,
  type Macros,
  type MacrosResult,
  withoutMacros,
} from './compile/macros.ts';
import type { Outcomes } from './compile/outcomes.ts';
import type { Test } from './compile/scope.ts';
import type { FieldRef, Schema } from './fields/field.ts';
import { SCHEMA } from './fields/schema.ts';
import { parse } from './language/parser.ts';
import type { Problem } from './language/problem.ts';
import type { Node } from './language/syntax.ts';
import type { Value } from './values/value.ts';

export type { MacroProblem, MacroSource, Macros, MacrosResult } from './compile/macros.ts';
export { loadZones } from './compile/zones.ts';
export type { Problem } from './language/problem.ts';

export interface Expression {
  /** TRUE: the rule matches. FALSE and MISSING: it does not. */
  readonly test: Test;
  readonly node: Node;
  readonly macros: Macros;
  /** Results that it can have at all (compile/outcomes.ts). */
  readonly outcomes: Outcomes;
  /** Every field that it reads, macros included, by full name. */
  readonly fields: ReadonlyMap<string, FieldRef>;
  /** What parses but is probably not meant. */
  readonly warnings: readonly Problem[];
}

export type ExpressionResult =
  | { readonly ok: true; readonly rule: Expression }
  | { readonly ok: false; readonly problem: Problem };

export function compileMacros(
  sources: readonly MacroSource[],
  schema: Schema = SCHEMA,
): MacrosResult {
  return compileWith(sources, schema);
}

const NOTHING: ReadonlyMap<string, Value> = new Map();

export function compileExpression(text: string, macros: Macros): ExpressionResult {
  const parsed = parse(text);
  if (!parsed.ok) return parsed;
  const { node, warnings } = parsed.value;
  const scope = macros.scope(NOTHING);
  const compiled = compileNode(node, scope);
  if (!compiled.ok) return compiled;
  const { test, outcomes } = compiled.value;
  const all = [...warnings, ...scope.warnings];
  const rule = { test, node, macros, outcomes, fields: scope.fields, warnings: all };
  return { ok: true, rule };
}

/** The results that are left when some fields (by full name) are known to have these values. */
export function outcomesWhen(rule: Expression, assumed: ReadonlyMap<string, Value>): Outcomes {
  const compiled = compileNode(rule.node, rule.macros.scope(assumed));
  return compiled.ok ? compiled.value.outcomes : rule.outcomes;
}

/** For expressions that stand alone. */
export const NO_MACROS: Macros = withoutMacros(SCHEMA);
