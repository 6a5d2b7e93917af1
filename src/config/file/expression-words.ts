/**
 * The words of an expression, without its grammar: enough to find which macros it calls. What an
 * expression means is the rules stage's business.
 * Source of the tokens: Rulekit's lexer.
 */

export interface Word {
  readonly kind: 'name' | 'call' | 'sign' | 'other';
  readonly text: string;
  /** UTF-16 units from the beginning of the expression. */
  readonly offset: number;
}

const PATTERNS: readonly (readonly [Word['kind'] | 'skip', RegExp])[] = [
  ['skip', /\s+|--[^\n]*|\/\*[\s\S]*?\*\//y],
  ['other', /"(?:[^"\\]|\\[\s\S])*"?|'(?:[^'\\]|\\[\s\S])*'?/y],
  // `||` is a sign, `|x|` a pattern as `/x/` is.
  ['sign', /&&|\|\||==|!=|=~|<=|>=|[()[\],<>!]/y],
  ['other', /\/(?:[^/\\]|\\[\s\S])*\/?|\|(?:[^|\\]|\\[\s\S])*\|?/y],
  ['call', /[A-Za-z_]\w*(?=\s*\()/y],
  ['name', /[A-Za-z_][\w.-]*/y],
  ['other', /[0-9A-Fa-f:.]+(?:\/\d+)?|[\s\S]/y],
];

/** Words that may stand before a parenthesis without being a call. */
const KEYWORDS = [
  'and',
  'or',
  'not',
  'in',
  'contains',
  'matches',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
];

export function wordsOf(expression: string): readonly Word[] {
  const words: Word[] = [];
  for (let offset = 0; offset < expression.length; ) {
    const [kind, text] = nextWord(expression, offset);
    if (kind !== 'skip') words.push({ kind: isKeyword(text) ? 'sign' : kind, text, offset });
    offset += text.length;
  }
  return words;
}

function nextWord(expression: string, offset: number): [Word['kind'] | 'skip', string] {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = offset;
    const text = pattern.exec(expression)?.[0];
    if (text !== undefined && text !== '') return [kind, text];
  }
  return ['other', expression.slice(offset, offset + 1)];
}

function isKeyword(text: string): boolean {
  return KEYWORDS.includes(text.toLowerCase());
}
