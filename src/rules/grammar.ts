/**
 * Everything that is wrong with the expressions of a file, for a check of the whole file: macros are
 * given once, then each text (those of the macros too) is asked about.
 */
import {
  compileExpression,
  compileMacros,
  type MacroProblem,
  type MacroSource,
  type Macros,
  NO_MACROS,
} from './expression.ts';
import type { Problem } from './language/problem.ts';
import { compilePattern } from './values/pattern.ts';

export interface GrammarProblem extends Problem {
  readonly severity: 'error' | 'warning';
}

export type ExpressionGrammar = (text: string) => readonly GrammarProblem[];

export function expressionGrammar(sources: readonly MacroSource[]): ExpressionGrammar {
  const macros = tolerant(sources);
  return (text) => {
    const compiled = compileExpression(text, macros);
    if (!compiled.ok) return [{ severity: 'error', ...compiled.problem }];
    return compiled.rule.warnings.map((warning) => ({ severity: 'warning', ...warning }));
  };
}

/**
 * Macros with faults are told about by their own text; for whoever calls them they are anything at
 * all. Rings of macros have no text of their own: whoever checks a file looks for them.
 */
function tolerant(sources: readonly MacroSource[]): Macros {
  let mended = sources;
  // Names and grammar come to light first, then fields and calls.
  for (let round = 0; round < ROUNDS; round++) {
    const compiled = compileMacros(mended);
    if (compiled.ok) return compiled.macros;
    mended = withoutFaults(mended, compiled.problems);
  }
  return NO_MACROS;
}

const ROUNDS = 3;
const ANYTHING = 'http.res.status > 0';

function withoutFaults(
  sources: readonly MacroSource[],
  problems: readonly MacroProblem[],
): MacroSource[] {
  const faults = new Map(problems.map(({ index, isName }) => [index, isName]));
  return sources.flatMap(({ name, expr }, index) => {
    const isName = faults.get(index);
    if (isName === true) return [];
    return [{ name, expr: isName === undefined ? expr : ANYTHING }];
  });
}

/** Of a pattern that stands alone, such as in a filter. */
export function patternGrammar(source: string): readonly GrammarProblem[] {
  const compiled = compilePattern(source);
  if (compiled.ok) return [];
  const message = `the pattern ${compiled.why}`;
  return [{ severity: 'error', message, offset: 0, length: source.length, hint: '' }];
}
