/** What a check of the meaning found, by path; check.ts gives it a place in the file. */
import type { Level } from '../levels.ts';

export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly path: string;
  /** Inside the text of the value there, in UTF-16 units. */
  readonly offset?: number;
  readonly message: string;
  readonly hint?: string;
}

/** What is wrong with an expression or a pattern. */
export interface GrammarProblem {
  readonly severity: 'error' | 'warning';
  /** UTF-16 units from the beginning of the text. */
  readonly offset: number;
  readonly message: string;
  readonly hint?: string;
}

/**
 * The grammars of rules and of regular expressions belong to the rules stage, which the
 * configuration does not know: the commands pass them in.
 */
export interface Grammars {
  /** Called once with all macros; the result is asked about every expression, theirs too. */
  readonly expressions?: (
    macros: readonly NamedExpression[],
  ) => (text: string) => readonly GrammarProblem[];
  readonly regex?: (text: string) => readonly GrammarProblem[];
  /** Called once with all macros; the result is asked about every list of rules. */
  readonly unreachable?: (macros: readonly NamedExpression[]) => (order: RuleOrder) => readonly {
    readonly index: number;
    /** Behind "this rule": `can never match`. */
    readonly why: string;
  }[];
}

export interface NamedExpression {
  readonly name: string;
  readonly expr: string;
}

export interface OrderedRule extends NamedExpression {
  readonly level?: Level | undefined;
  readonly sample?: number | undefined;
  readonly store?: 'sampled' | 'always' | undefined;
}

export interface RuleOrder {
  readonly match: 'raise' | 'first';
  readonly level: Level;
  readonly rules: readonly OrderedRule[];
}
