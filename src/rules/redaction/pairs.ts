/** Queries and forms under rules: what becomes of a key's value, and patterns for everything else. */
import { decodeEscapes, type PairRules } from '../../config/query-pairs.ts';
import type { Replacer } from './replacer.ts';
import type { Action } from './types.ts';

export function pairRules(actions: ReadonlyMap<string, Action>, replacer: Replacer): PairRules {
  return {
    redact: (key, value) => {
      const action = actions.get(key);
      if (action === undefined || action === 'keep') return undefined;
      return replacer.replace(action, decodeEscapes(value));
    },
    clean: (text) => cleanEscaped(text, replacer, encodeURIComponent),
  };
}

/** Patterns see the text as it is meant, and as it is written. */
export function cleanEscaped(
  text: string,
  replacer: Replacer,
  encode: (text: string) => string,
): string {
  if (replacer.patterns.length === 0) return text;
  const decoded = decodeEscapes(text);
  const cleaned = replacer.clean(decoded);
  return cleaned === decoded ? replacer.clean(text) : encode(cleaned.toWellFormed());
}
