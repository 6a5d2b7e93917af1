/**
 * Rules in order, over one exchange: which level, how much of it is sampled.
 *
 * The first rule that matches replaces the default level, later ones only raise it; a match with
 * level none ends the evaluation (none when nothing matched before, else what was reached). With
 * `match: first` the first rule that matches decides alone, as in Qtap.
 */
import type { Level } from '../../config/levels.ts';
import { RANK } from '../../config/levels.ts';
import type { Expression } from '../expression.ts';
import { type FieldSource, TRUE } from '../types.ts';

export interface Rule {
  readonly name: string;
  readonly expression: Expression;
  /** Null: the rule says nothing about the level. */
  readonly level: Level | null;
  /** 0 to 1; null: it says nothing about sampling. */
  readonly sample: number | null;
  /** Of the record; null: that of the plugin. */
  readonly format: 'json' | 'text' | null;
  /** Record and bodies are kept whether or not the span is sampled. */
  readonly isStoredAlways: boolean;
}

export interface RuleSetOptions {
  /** Level of what no rule matches. */
  readonly level: Level;
  readonly match: 'raise' | 'first';
}

/** What the rules say. The object is filled anew by the next evaluation. */
export interface Verdict {
  level: Level;
  /** Highest of all matching rules; null when none of them has one. */
  sample: number | null;
  store: 'sampled' | 'always';
  /** The rule that gave the level; null for the default. */
  matched: Rule | null;
}

export interface RuleSet {
  readonly rules: readonly Rule[];
  readonly options: RuleSetOptions;
}

export function createVerdict(): Verdict {
  return { level: 'none', sample: null, store: 'sampled', matched: null };
}

/** Fills `verdict` and returns it. */
export function evaluate(set: RuleSet, source: FieldSource, verdict: Verdict): Verdict {
  const { rules, options } = set;
  verdict.level = options.level;
  verdict.sample = null;
  verdict.store = 'sampled';
  verdict.matched = null;
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i];
    if (!canChange(rule, verdict, options.match)) continue;
    if (rule.expression.test(source) !== TRUE) continue;
    if (rule.sample !== null) verdict.sample = Math.max(rule.sample, verdict.sample ?? 0);
    if (rule.isStoredAlways) verdict.store = 'always';
    if (rule.level === null) continue;
    if (verdict.matched === null || RANK[rule.level] > RANK[verdict.level]) {
      verdict.level = rule.level;
      verdict.matched = rule;
    }
    if (rule.level === 'none' || options.match === 'first') return verdict;
  }
  return verdict;
}

/** False when a match would make no difference, so that its condition need not be looked at. */
function canChange(rule: Rule, verdict: Verdict, match: RuleSetOptions['match']): boolean {
  if (match === 'first' || verdict.matched === null || rule.level === 'none') return true;
  if (rule.sample !== null && rule.sample > (verdict.sample ?? -1)) return true;
  if (rule.isStoredAlways && verdict.store !== 'always') return true;
  return rule.level !== null && RANK[rule.level] > RANK[verdict.level];
}
