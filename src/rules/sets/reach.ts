/**
 * Rules that can never do anything: their condition is never true, or an earlier rule has taken all
 * that they could match. Found by the conditions' possible results, by comparing what they join with
 * `and`, and by the values that they name: `status >= 400` takes what `status == 503` matches.
 */
import { RANK } from '../../config/levels.ts';
import { CAN_BE_TRUE } from '../compile/outcomes.ts';
import { type Expression, outcomesWhen } from '../expression.ts';
import type { Node } from '../language/syntax.ts';
import { assumptionsOf } from './assumptions.ts';
import { conjuncts, type Part } from './conjuncts.ts';
import { holdsWhere, isContradiction } from './ranges.ts';
import type { Rule, RuleSet } from './rule-set.ts';

export interface Unreachable {
  /** Index of the rule. */
  readonly index: number;
  /** A sentence without its subject, such as "can never match". */
  readonly why: string;
}

/** Expressions compiled to try them, of one list of rules: half a second. Behind it nothing is tried. */
const TRIES_MAX = 4_000;
/** Each try compiles the macros too; those are shorter. */
const MACROS_PER_TRY = 16;
/** `or` inside of `or`. */
const DEPTH_MAX = 8;

export function findUnreachable({ rules, options }: RuleSet): Unreachable[] {
  const found: Unreachable[] = [];
  const parts = rules.map(({ expression: { node, macros } }) => conjuncts(node, macros));
  const nodes = parts.map((each) => each.map(({ node }) => node));
  const assumptions = rules.map(({ expression }, index) =>
    assumptionsOf(nodes[index], expression.fields),
  );
  const texts = parts.map((each) => new Set(each.map(({ text }) => text)));
  let left = TRIES_MAX;
  for (const [index, rule] of rules.entries()) {
    const why = isNeverTrue(index) ? 'can never match' : coveredBy(rule, index);
    if (why !== undefined) found.push({ index, why });
  }
  return found;

  function isNeverTrue(index: number): boolean {
    const { expression } = rules[index];
    if ((expression.outcomes & CAN_BE_TRUE) === 0) return true;
    return isContradiction(nodes[index]) || always(index, expression, isNotTrue);
  }

  function coveredBy(later: Rule, index: number): string | undefined {
    const earlier = rules.findIndex(
      (rule, at) => at < index && takes(rule, later) && matchesAll(at, index),
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

  /** Whether the earlier rule matches wherever the later one does. */
  function matchesAll(earlier: number, later: number): boolean {
    const { expression } = rules[earlier];
    if (expression.outcomes === CAN_BE_TRUE) return true;
    const wanted = parts[earlier];
    const given = { texts: texts[later], nodes: nodes[later] };
    if (wanted.length > 0 && wanted.every((part) => holds(part, given, expression))) return true;
    return always(later, expression, (outcomes) => outcomes === CAN_BE_TRUE);
  }

  /** Whether `expression` has such outcomes for all values that the rule names. */
  function always(
    index: number,
    expression: Expression,
    isSuch: (outcomes: number) => boolean,
  ): boolean {
    if (left < 0) return false;
    const assumed = assumptions[index];
    const isAsked = [...(assumed[0]?.keys() ?? [])].some((name) => expression.fields.has(name));
    if (!isAsked) return false;
    left -= assumed.length * (1 + expression.macros.nodes.size / MACROS_PER_TRY);
    if (left < 0) return false;
    return assumed.every((values) => isSuch(outcomesWhen(expression, values)));
  }
}

const isNotTrue = (outcomes: number) => (outcomes & CAN_BE_TRUE) === 0;

interface Given {
  readonly texts: ReadonlySet<string>;
  readonly nodes: readonly Node[];
}

/** Whether a condition is true wherever all of `given` are. */
function holds({ node, text }: Part, given: Given, expression: Expression, depth = 0): boolean {
  if (given.texts.has(text)) return true;
  if (node.kind === 'compare') return holdsWhere(node, given.nodes);
  if (node.kind !== 'or' || depth === DEPTH_MAX) return false;
  return node.operands.some((operand) => {
    const parts = conjuncts(operand, expression.macros);
    return parts.length > 0 && parts.every((part) => holds(part, given, expression, depth + 1));
  });
}
