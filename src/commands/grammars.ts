/**
 * What the texts inside a configuration file are checked with. Patterns are RE2: linear time, so
 * that no pattern of a file can hold the agent up.
 */
import { RE2JS, RE2JSException } from 're2js';
import type { GrammarProblem, Grammars } from '../config/file/finding.ts';

/** Instructions of one compiled pattern; `(a{100}){100}` would have ten thousand. */
const PATTERN_PROGRAM_MAX = 10_000;

export const GRAMMARS: Grammars = { regex: checkPattern };

function checkPattern(text: string): readonly GrammarProblem[] {
  try {
    const size = RE2JS.compile(text).programSize();
    if (size <= PATTERN_PROGRAM_MAX) return [];
    return [problem(`the pattern is too large: ${size} of ${PATTERN_PROGRAM_MAX} steps`)];
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    return [problem(`not valid in RE2: ${error.message.replace(/^error parsing regexp: /, '')}`)];
  }
}

function problem(message: string): GrammarProblem {
  return { severity: 'error', offset: 0, message };
}
