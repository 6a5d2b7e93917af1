/**
 * The words of an expression, without its grammar: enough to find which macros it calls and which
 * of two rules covers the other. What an expression means is the rules stage's business.
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

/**
 * What must all hold for the expression to hold: its parts between `and`, each written the same
 * way whatever the spaces. An `or` beside them makes the whole one part; `true` has none.
 */
export function conjunctsOf(expression: string): ReadonlySet<string> {
  const words = wordsOf(expression);
  const parts: string[] = [''];
  let depth = 0;
  for (const { text } of words) {
    if (text === '(' || text === '[') depth++;
    if (text === ')' || text === ']') depth--;
    const sign = text.toLowerCase();
    if (depth === 0 && (sign === '||' || sign === 'or')) {
      return new Set([words.map((word) => word.text).join(' ')]);
    }
    if (depth === 0 && (sign === '&&' || sign === 'and')) parts.push('');
    else parts[parts.length - 1] += ` ${text}`;
  }
  return new Set(parts.map((part) => part.trim()).filter((part) => part.toLowerCase() !== 'true'));
}
