/**
 * The most that any rule can ask for: what the kernel has to copy. Heads are always copied; bodies only
 * where level full can be reached, or where a rule looks at them.
 */

import type { Level } from '../../config/levels.ts';
import { RANK } from '../../config/levels.ts';
import { CAN_BE_TRUE } from '../compile/outcomes.ts';
import { outcomesWhen } from '../expression.ts';
import type { Value } from '../values/value.ts';
import type { Rule, RuleSet } from './rule-set.ts';

export interface Copies {
  /** Highest level that an exchange can reach. */
  readonly level: Level;
  readonly requestBody: boolean;
  readonly responseBody: boolean;
}

/** By the side of the observed process. */
export interface MostCopied {
  readonly ingress: Copies;
  readonly egress: Copies;
}

const NOTHING: Copies = { level: 'none', requestBody: false, responseBody: false };

/** Of all rule sets that may be applied to an exchange. */
export function mostCopied(sets: readonly RuleSet[]): MostCopied {
  const ingress = copiesOf(sets, ['ingress']);
  const egress = copiesOf(sets, ['egress-internal', 'egress-external']);
  // What the proxy did to a body is seen by comparing both sides.
  const requestBody = [ingress, egress].some(({ looksAt }) => looksAt.has('request'));
  const responseBody = [ingress, egress].some(({ looksAt }) => looksAt.has('response'));
  const compared = { level: 'none', requestBody, responseBody } as const;
  return { ingress: higher(ingress.copies, compared), egress: higher(egress.copies, compared) };
}

function higher(a: Copies, b: Copies): Copies {
  return {
    level: highest(a.level, b.level),
    requestBody: a.requestBody || b.requestBody,
    responseBody: a.responseBody || b.responseBody,
  };
}

interface Asked {
  readonly copies: Copies;
  /** Bodies that conditions look at. */
  readonly looksAt: ReadonlySet<string | undefined>;
}

function copiesOf(sets: readonly RuleSet[], directions: readonly string[]): Asked {
  const looksAt = new Set<string | undefined>();
  let copies = NOTHING;
  for (const set of sets) {
    for (const direction of directions) {
      const { level, rules } = reachable(set, direction);
      copies = higher(copies, levelCopies(level));
      const fields = rules.flatMap(({ expression }) => [...expression.fields.values()]);
      for (const { field } of fields) looksAt.add(field.copies);
    }
  }
  return { copies, looksAt };
}

/** Rules that can match in this direction, and the highest level that is left then. */
function reachable(
  { rules, options }: RuleSet,
  direction: string,
): { level: Level; rules: Rule[] } {
  const assumed = new Map<string, Value>([['direction', direction]]);
  const matching: Rule[] = [];
  let isDefaultLeft = true;
  for (const rule of rules) {
    const outcomes = outcomesWhen(rule.expression, assumed);
    if ((outcomes & CAN_BE_TRUE) === 0) continue;
    matching.push(rule);
    if (outcomes !== CAN_BE_TRUE || rule.level === null) continue;
    isDefaultLeft = false;
    if (rule.level === 'none' || options.match === 'first') break;
  }
  const levels = matching.map((rule) => rule.level ?? 'none');
  const level = [...levels, isDefaultLeft ? options.level : 'none'].reduce(highest, 'none');
  return { level, rules: matching };
}

function highest(a: Level, b: Level): Level {
  return RANK[a] >= RANK[b] ? a : b;
}

function levelCopies(level: Level): Copies {
  return { level, requestBody: level === 'full', responseBody: level === 'full' };
}
