/**
 * Rules that can never do anything: their condition is never true, or an earlier rule has taken all
 * that they could match. Found by the conditions' possible results and by comparing what they join with
 * `and`; what needs arithmetic (`status >= 400` before `status == 500`) is not seen.
 */

import { RANK } from '../../config/levels.ts';
import { CAN_BE_TRUE } from '../compile/outcomes.ts';
import type { Expression } from '../expression.ts';
import type { Node, Operand } from '../language/syntax.ts';
import type { Value } from '../values/value.ts';
import { isList } from '../values/value.ts';
import type { Rule, RuleSet } from './rule-set.ts';

export interface Unreachable {
  /** Index of the rule. */
  readonly index: number;
  /** A sentence without its subject, such as "can never match". */
  readonly why: string;
}

export function findUnreachable({ rules, options }: RuleSet): Unreachable[] {
  const found: Unreachable[] = [];
  const parts = rules.map(({ expression }) => new Set(conjuncts(expression)));
  for (const [index, rule] of rules.entries()) {
    const why = neverTrue(rule) ?? coveredBy(index);
    if (why !== undefined) found.push({ index, why });
  }
  return found;

  function coveredBy(index: number): string | undefined {
    const earlier = rules.findIndex(
      (rule, at) => at < index && takes(rule, rules[index]) && isSubset(at, index),
    );
    return earlier < 0
      ? undefined
      : `never has an effect: rule "${rules[earlier].name}" comes first`;
  }

  /** Whether nothing is left for `later` where `rule` matches. */
  function takes(rule: Rule, later: Rule): boolean {
    if (rule.level === 'none' || (options.match === 'first' && rule.level !== null)) return true;
    if (later.sample !== null || later.isStoredAlways || later.level === 'none') return false;
    if (rule.level === null || later.level === null) return false;
    return RANK[later.level] <= RANK[rule.level];
  }

  /** Everything that the earlier rule wants, the later one wants too. */
  function isSubset(earlier: number, later: number): boolean {
    if (rules[earlier].expression.outcomes === CAN_BE_TRUE) return true;
    return parts[earlier].size > 0 && [...parts[earlier]].every((part) => parts[later].has(part));
  }
}

function neverTrue({ expression }: Rule): string | undefined {
  return (expression.outcomes & CAN_BE_TRUE) === 0 ? 'can never match' : undefined;
}

/** Macros opened at most: a chain of them may be long. */
const PARTS_MAX = 256;

/** The conditions that `and` joins, macros opened, each in one way of writing. */
function conjuncts({ node, macros }: Expression): string[] {
  const parts: string[] = [];
  const waiting: Node[] = [node];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const call = next.kind === 'truth' && next.operand.kind === 'call' ? next.operand.name : '';
    const macro = macros.nodes.get(call);
    if (parts.length + waiting.length > PARTS_MAX) return [];
    if (next.kind === 'and') waiting.push(...next.operands);
    else if (macro !== undefined) waiting.push(macro);
    else parts.push(written(next));
  }
  return parts;
}

function written(node: Node): string {
  switch (node.kind) {
    case 'and':
    case 'or':
      return `(${node.operands.map(written).join(` ${node.kind} `)})`;
    case 'not':
      return `not ${written(node.operand)}`;
    case 'truth':
      return operandText(node.operand);
    case 'compare':
      return `${operandText(node.left)} ${node.operator} ${operandText(node.right)}`;
  }
}

function operandText(operand: Operand): string {
  switch (operand.kind) {
    case 'field':
      return operand.key === null
        ? operand.name
        : `${operand.name}[${JSON.stringify(operand.key)}]`;
    case 'literal':
      return literalText(operand.value);
    case 'array':
      return `[${operand.elements.map(operandText).join(', ')}]`;
    case 'call':
      return `${operand.name}(${operand.arguments.map(operandText).join(', ')})`;
  }
}

function literalText(value: Value): string {
  if (typeof value !== 'object' || value === null || isList(value)) {
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
  }
  if (value.kind === 'pattern') return `/${value.source}/`;
  return 'text' in value ? `${value.kind}:${value.text}` : '';
}
