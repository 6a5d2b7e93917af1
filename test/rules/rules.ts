/** Builders of rules and of exchanges to ask them about. */
import assert from 'node:assert/strict';
import type { Level } from '../../src/config/levels.ts';
import { compileExpression, compileMacros, type Expression } from '../../src/rules/expression.ts';
import { ExchangeSource } from '../../src/rules/fields/exchange-source.ts';
import { type FactSource, type Facts, NO_FACTS } from '../../src/rules/fields/facts.ts';
import type { Rule, RuleSet, RuleSetOptions } from '../../src/rules/sets/rule-set.ts';
import { type Row, toBatch } from '../export/rows.ts';

export type MacroList = Readonly<Record<string, string>>;

export function macrosOf(list: MacroList = {}) {
  const compiled = compileMacros(Object.entries(list).map(([name, expr]) => ({ name, expr })));
  assert.ok(compiled.ok, JSON.stringify(compiled));
  return compiled.macros;
}

export function expressionOf(text: string, macros: MacroList = {}): Expression {
  const compiled = compileExpression(text, macrosOf(macros));
  assert.ok(compiled.ok, JSON.stringify(compiled));
  return compiled.rule;
}

/** The problem of an expression that must not compile. */
export function problemOf(text: string, macros: MacroList = {}) {
  const compiled = compileExpression(text, macrosOf(macros));
  assert.ok(!compiled.ok, `${text} compiles`);
  return compiled.problem;
}

export interface RuleText {
  readonly name?: string;
  readonly expr: string;
  readonly level?: Level;
  readonly sample?: number;
  readonly isStoredAlways?: boolean;
}

export function ruleSetOf(
  rules: readonly RuleText[],
  options: Partial<RuleSetOptions> & { readonly macros?: MacroList } = {},
): RuleSet {
  const macros = macrosOf(options.macros);
  return {
    rules: rules.map((rule, index): Rule => {
      const compiled = compileExpression(rule.expr, macros);
      assert.ok(compiled.ok, JSON.stringify(compiled));
      return {
        name: rule.name ?? `rule ${index + 1}`,
        expression: compiled.rule,
        level: rule.level ?? null,
        sample: rule.sample ?? null,
        format: null,
        isStoredAlways: rule.isStoredAlways ?? false,
      };
    }),
    options: { level: options.level ?? 'none', match: options.match ?? 'raise' },
  };
}

/** Facts for every process, connection and row alike. */
export function factSource(facts: Facts = NO_FACTS): FactSource {
  return { process: () => facts, connection: () => facts, link: () => facts };
}

export function sourceOf(row: Row, facts: Facts = NO_FACTS): ExchangeSource {
  const source = new ExchangeSource(factSource(facts));
  source.open(toBatch([row]));
  return source;
}
