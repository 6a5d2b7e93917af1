/** What the texts inside a configuration file are checked with: the compilers of the rules stage. */
import type { GrammarProblem, Grammars, RuleOrder } from '../config/file/finding.ts';
import { loadZones } from '../rules/compile/zones.ts';
import {
  compileExpression,
  compileMacros,
  type MacroSource,
  type Macros,
} from '../rules/expression.ts';
import {
  expressionGrammar,
  patternGrammar,
  type GrammarProblem as RuleProblem,
} from '../rules/grammar.ts';
import { findUnreachable, type Unreachable } from '../rules/sets/reach.ts';
import type { Rule } from '../rules/sets/rule-set.ts';

/** `text`: the file; loads what only some expressions need. */
export async function loadGrammars(text: string): Promise<Grammars> {
  await loadZones([text]);
  return {
    regex: (pattern) => patternGrammar(pattern).map(withoutEmptyHint),
    expressions: expressionsWith,
    unreachable: unreachableWith,
  };
}

function expressionsWith(sources: readonly MacroSource[]) {
  const problemsOf = expressionGrammar(sources);
  return (expression: string) => problemsOf(expression).map(withoutEmptyHint);
}

function withoutEmptyHint({ severity, offset, message, hint }: RuleProblem): GrammarProblem {
  return { severity, offset, message, ...(hint === '' ? {} : { hint }) };
}

/** Of rules that do not compile nothing is said: their own problems are. */
function unreachableWith(sources: readonly MacroSource[]) {
  const macros = compileMacros(sources);
  return ({ match, level, rules }: RuleOrder): readonly Unreachable[] => {
    if (!macros.ok) return [];
    const compiled = rules.flatMap((rule) => compileRule(rule, macros.macros));
    if (compiled.length < rules.length) return [];
    return findUnreachable({ rules: compiled, options: { match, level } });
  };
}

function compileRule(rule: RuleOrder['rules'][number], macros: Macros): Rule[] {
  const { name, expr, level = null, sample = null, store } = rule;
  const result = compileExpression(expr, macros);
  if (!result.ok) return [];
  const isStoredAlways = store === 'always';
  return [{ name, expression: result.rule, level, sample, format: null, isStoredAlways }];
}
