/** What the texts inside a configuration file are checked with: the compilers of the rules stage. */
import type { GrammarProblem, Grammars, RuleOrder } from '../config/file/finding.ts';
import { loadZones } from '../rules/compile/zones.ts';
import {
  compileExpression,
  compileMacros,
  type MacroProblem,
  type MacroSource,
  type Macros,
  type Problem,
} from '../rules/expression.ts';
import { findUnreachable, type Unreachable } from '../rules/sets/reach.ts';
import type { Rule } from '../rules/sets/rule-set.ts';
import { compilePattern } from '../rules/values/pattern.ts';

/** `text`: the file; loads what only some expressions need. */
export async function loadGrammars(text: string): Promise<Grammars> {
  await loadZones([text]);
  return { regex: checkPattern, expressions: expressionsWith, unreachable: unreachableWith };
}

function checkPattern(text: string): readonly GrammarProblem[] {
  const result = compilePattern(text);
  if (result.ok) return [];
  return [{ severity: 'error', offset: 0, message: `the pattern ${result.why}` }];
}

/** Where macros are wrong, what calls them cannot be compiled; their own problems come first. */
function expressionsWith(sources: readonly MacroSource[]) {
  const macros = compileMacros(sources);
  if (!macros.ok) {
    const problems = problemsOf(sources, macros.problems, 'error');
    return (text: string): readonly GrammarProblem[] => problems.get(text) ?? [];
  }
  return (text: string): readonly GrammarProblem[] => {
    const result = compileExpression(text, macros.macros);
    if (!result.ok) return [toGrammar(result.problem, 'error')];
    return result.rule.warnings.map((warning) => toGrammar(warning, 'warning'));
  };
}

/** By the text of the expression. Names are checked by config/file/macros.ts. */
function problemsOf(
  sources: readonly MacroSource[],
  problems: readonly MacroProblem[],
  severity: GrammarProblem['severity'],
): ReadonlyMap<string, readonly GrammarProblem[]> {
  const byText = new Map<string, GrammarProblem[]>();
  for (const { index, isName, problem } of problems) {
    if (isName) continue;
    const { expr } = sources[index];
    byText.set(expr, [...(byText.get(expr) ?? []), toGrammar(problem, severity)]);
  }
  return byText;
}

function toGrammar(
  { message, offset, hint }: Problem,
  severity: GrammarProblem['severity'],
): GrammarProblem {
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
