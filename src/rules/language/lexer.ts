/**
 * Text into tokens, the longest match first as in Rulekit: `10.0.0.0/8` is a network, `fd` two hex
 * digits, `fd_count` a name. Comments are `-- to the end of the line` and `/* ... *\/`.
 */
import { limits } from '../../config/limits.ts';
import { cidrOf, ipOf } from '../values/address.ts';
import { compilePattern } from '../values/pattern.ts';
import { bad, type Checked, good, type Span } from './problem.ts';
import { readQuoted, retype } from './quoted.ts';
import type { Literal } from './syntax.ts';
import { SIGNS, type Token, WORDS } from './token.ts';

const SPACE = /[ \t\r\n\v\f]+/y;
const LINE_COMMENT = /--[^\n]*/y;
const NAME = /[A-Za-z_][A-Za-z0-9_.-]*/y;
const INT = /[+-]?[0-9]+/y;
const FLOAT = /[+-]?[0-9]*\.[0-9]+/y;
const V4 = /[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:\/[0-9]{1,3})?/y;
const V6 = /[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:\/[0-9]{1,3})?/y;
const HEX = /[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*/y;

const NETWORK = /[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*\/[0-9]+/y;
const PREFIXES = 'such as 10.0.0.0/8 or fd00::/8: a prefix has 0 to 32 bits, 128 in IPv6';

const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

export function tokenize(text: string): Checked<readonly Token[]> {
  const { ruleExpressionMax } = limits;
  if (text.length > ruleExpressionMax) {
    const span = { offset: ruleExpressionMax, length: text.length - ruleExpressionMax };
    return bad(span, `an expression has at most ${ruleExpressionMax} characters`);
  }
  const tokens: Token[] = [];
  for (let at = 0; ; ) {
    const start = skip(text, at);
    if (!start.ok) return start;
    if (start.value === text.length) {
      tokens.push({ kind: 'end', offset: text.length, length: 0 });
      return good(tokens);
    }
    const token = read(text, start.value);
    if (!token.ok) return token;
    tokens.push(token.value);
    at = token.value.offset + token.value.length;
  }
}

/** Index of the next character that is neither space nor comment. */
function skip(text: string, from: number): Checked<number> {
  let at = from;
  for (;;) {
    const start = at;
    at += match(SPACE, text, at).length;
    at += match(LINE_COMMENT, text, at).length;
    if (text.startsWith('/*', at)) {
      const close = text.indexOf('*/', at + 2);
      if (close < 0) {
        return bad(
          { offset: at, length: text.length - at },
          'comment has no end',
          'close it with */',
        );
      }
      at = close + 2;
    }
    if (at === start) return good(at);
  }
}

function read(text: string, at: number): Checked<Token> {
  const char = text[at] ?? '';
  const network = match(NETWORK, text, at);
  if (network !== '' && cidrOf(network) === undefined) {
    return bad({ offset: at, length: network.length }, `"${network}" is no network`, PREFIXES);
  }
  if (char === '"' || char === "'") return readText(text, at);
  if (char === '/' || (char === '|' && text[at + 1] !== '|')) return readPattern(text, at);
  const literal = readLiteral(text, at);
  const name = match(NAME, text, at);
  // Of equal length the literal wins, except that words of the language are never hex digits.
  if (literal !== undefined && (!literal.ok || literal.value.length >= name.length)) return literal;
  if (name !== '') return good(readWord(name, at));
  for (const [sign, symbol] of SIGNS) {
    if (!text.startsWith(sign, at)) continue;
    return good({ kind: 'symbol', text: symbol, offset: at, length: sign.length });
  }
  return unexpected(text, at);
}

function unexpected(text: string, at: number): Checked<Token> {
  const char = String.fromCodePoint(text.codePointAt(at) ?? 0);
  const hint = HINTS[char] ?? '';
  return bad({ offset: at, length: char.length }, `unexpected ${JSON.stringify(char)}`, hint);
}

const HINTS: Readonly<Record<string, string>> = {
  '=': 'equality is ==',
  '&': 'write && or and',
  '-': 'a name cannot begin with -',
  '#': 'a comment begins with --',
  '\u201c': 'write straight quotes: "text"',
  '\u201d': 'write straight quotes: "text"',
  '\u2018': "write straight quotes: 'text'",
  '\u2019': "write straight quotes: 'text'",
};

function readWord(name: string, offset: number): Token {
  const span: Span = { offset, length: name.length };
  const lower = name.toLowerCase();
  const symbol = WORDS.get(lower);
  if (symbol !== undefined) return { kind: 'symbol', text: symbol, ...span };
  if (lower === 'true' || lower === 'false') {
    return { kind: 'literal', value: lower === 'true', isQuoted: false, ...span };
  }
  return { kind: 'name', text: name, ...span };
}

/** Numbers, addresses, networks and hex bytes: whichever is longest, in this order. */
function readLiteral(text: string, at: number): Checked<Token> | undefined {
  const int = match(INT, text, at);
  const float = match(FLOAT, text, at);
  const address = addressAt(text, at);
  const hex = match(HEX, text, at);
  const longest = Math.max(int.length, float.length, address?.text.length ?? 0, hex.length);
  if (longest === 0) return undefined;
  const span = { offset: at, length: longest };
  let token: Checked<Token>;
  if (int.length === longest) token = intToken(int, span);
  else if (float.length === longest) token = literalToken(Number(float), span);
  else if (address?.text.length === longest) token = literalToken(address, span);
  else
    token = literalToken(
      { kind: 'hex', text: hex, bytes: Buffer.from(hex.replaceAll(':', ''), 'hex') },
      span,
    );
  const name = match(NAME, text, at);
  const isCut = name.length < longest && /[A-Za-z0-9_.]/.test(text[at + longest] ?? '');
  return isCut ? notNumber(text, at) : token;
}

function literalToken(value: Literal['value'], span: Span): Checked<Token> {
  return good({ kind: 'literal', value, isQuoted: false, ...span });
}

function addressAt(text: string, at: number): ReturnType<typeof ipOf | typeof cidrOf> {
  const found = [match(V4, text, at), match(V6, text, at)];
  const longest = found[0].length >= found[1].length ? found[0] : found[1];
  if (longest === '') return undefined;
  return longest.includes('/') ? cidrOf(longest) : ipOf(longest);
}

function notNumber(text: string, at: number): Checked<Token> {
  const word = match(/[+-]?[A-Za-z0-9_.:]+/y, text, at);
  return bad(
    { offset: at, length: word.length },
    `${JSON.stringify(word)} is neither a number nor an address`,
  );
}

/** Base 0 as in Go: a leading zero means octal. Beyond 2^53 it stays exact as a bigint. */
function intToken(digits: string, span: Span): Checked<Token> {
  const magnitude = digits.replace(/^[+-]/, '');
  const isOctal = magnitude.length > 1 && magnitude.startsWith('0');
  if (isOctal && /[89]/.test(magnitude)) {
    return bad(
      span,
      `${JSON.stringify(digits)} is not an octal number`,
      'leave out the leading zero',
    );
  }
  const absolute = BigInt(isOctal ? `0o${magnitude}` : magnitude);
  const value = digits.startsWith('-') ? -absolute : absolute;
  if (value < INT64_MIN || value > UINT64_MAX) return bad(span, 'number does not fit into 64 bits');
  const isSafe =
    value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
  return literalToken(isSafe ? Number(value) : value, span);
}

function readText(text: string, at: number): Checked<Token> {
  const quoted = readQuoted(text, at);
  if (!quoted.ok) return quoted;
  const { text: content, end } = quoted.value;
  const value = retype(content);
  return good({ kind: 'literal', value, isQuoted: true, offset: at, length: end - at });
}

/** `/.../` or `|...|`; a backslash escapes the delimiter as it escapes everything. */
function readPattern(text: string, at: number): Checked<Token> {
  const delimiter = text[at];
  let end = at + 1;
  while (end < text.length && text[end] !== delimiter && text[end] !== '\n') {
    end += text[end] === '\\' ? 2 : 1;
  }
  const length = Math.min(end, text.length) - at;
  if (text[end] !== delimiter) {
    const hint = `a pattern stands between two ${delimiter}; there is no arithmetic`;
    return bad({ offset: at, length }, 'pattern has no end', hint);
  }
  const flags = match(/[gimsuy]+(?![\w.-])/y, text, end + 1);
  if (flags !== '') {
    const hint = `flags stand inside of it: ${delimiter}(?${flags})...${delimiter}; known are i, m, s and U`;
    return bad({ offset: end + 1, length: flags.length }, 'a pattern has no flags behind it', hint);
  }
  const span = { offset: at, length: length + 1 };
  const compiled = compilePattern(text.slice(at + 1, end));
  return compiled.ok ? literalToken(compiled.pattern, span) : bad(span, `pattern ${compiled.why}`);
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}
