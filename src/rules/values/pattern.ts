/**
 * Patterns in RE2 syntax, matched in linear time. What is only literal bytes and ASCII classes (most
 * of what rules say) is matched on the bytes of a message as they are; everything else by re2js on
 * its text.
 */
import { RE2JS, RE2JSException } from 're2js';
import { limits } from '../../config/limits.ts';
import { type PlainPattern, parsePlain } from './plain-pattern.ts';

export interface Pattern {
  readonly kind: 'pattern';
  /** Without its delimiters, as written. */
  readonly source: string;
  /** Set when bytes can be matched directly. */
  readonly plain: PlainPattern | null;
  /** True when some part of the text matches. */
  test(text: string): boolean;
  /** `text` with every match, from left to right, replaced. */
  replace(text: string, by: (found: string) => string): string;
}

export type PatternResult =
  | { readonly ok: true; readonly pattern: Pattern }
  | { readonly ok: false; readonly why: string };

export function compilePattern(source: string): PatternResult {
  const { rulePatternMax, rulePatternProgramMax } = limits;
  if (source.length > rulePatternMax) {
    return { ok: false, why: `is longer than ${rulePatternMax} characters` };
  }
  try {
    const compiled = RE2JS.compile(source);
    if (compiled.programSize() > rulePatternProgramMax) {
      return { ok: false, why: `needs more than ${rulePatternProgramMax} states` };
    }
    const test = (text: string): boolean => compiled.test(text);
    const plain = parsePlain(source);
    const replace: Pattern['replace'] = (text, by) => replaceAll(compiled, text, by);
    return { ok: true, pattern: { kind: 'pattern', source, plain, test, replace } };
  } catch (error) {
    if (error instanceof RE2JSException) return { ok: false, why: reason(error.message) };
    throw error;
  }
}

function replaceAll(compiled: RE2JS, text: string, by: (found: string) => string): string {
  const matcher = compiled.matcher(text);
  let out = '';
  let at = 0;
  while (matcher.find()) {
    const start = matcher.start();
    const end = matcher.end();
    out += text.slice(at, start) + by(text.slice(start, end));
    at = end;
  }
  return out + text.slice(at);
}

/** The library's message without its preamble. */
function reason(message: string): string {
  return `is not valid: ${message.replace(/^error parsing regexp: /, '')}`;
}
