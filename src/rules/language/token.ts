/** What the lexer gives to the parser. */

import type { Span } from './problem.ts';
import type { Literal } from './syntax.ts';

export type Token = Span &
  (
    | { readonly kind: 'literal'; readonly value: Literal['value']; readonly isQuoted: boolean }
    /** A field, function or macro. */
    | { readonly kind: 'name'; readonly text: string }
    | { readonly kind: 'symbol'; readonly text: Sign }
    | { readonly kind: 'end' }
  );

export type Sign =
  | '('
  | ')'
  | '['
  | ']'
  | ','
  | 'not'
  | 'and'
  | 'or'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'contains'
  | 'matches'
  | 'in';

/** Longest first: `<=` before `<`. Written form and the one name for it. */
export const SIGNS: readonly (readonly [string, Sign])[] = [
  ['&&', 'and'],
  ['||', 'or'],
  ['==', '=='],
  ['!=', '!='],
  ['<=', '<='],
  ['>=', '>='],
  ['=~', 'matches'],
  ['<', '<'],
  ['>', '>'],
  ['!', 'not'],
  ['(', '('],
  [')', ')'],
  ['[', '['],
  [']', ']'],
  [',', ','],
];

/** Case-insensitive. */
export const WORDS: ReadonlyMap<string, Sign> = new Map([
  ['not', 'not'],
  ['and', 'and'],
  ['or', 'or'],
  ['eq', '=='],
  ['ne', '!='],
  ['lt', '<'],
  ['le', '<='],
  ['gt', '>'],
  ['ge', '>='],
  ['contains', 'contains'],
  ['matches', 'matches'],
  ['in', 'in'],
]);

/** How a token is named in messages. */
export function describeToken(token: Token, text: string): string {
  if (token.kind === 'end') return 'the end of the expression';
  return JSON.stringify(text.slice(token.offset, token.offset + Math.min(token.length, 40)));
}
