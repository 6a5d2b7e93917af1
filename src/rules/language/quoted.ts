/**
 * Quoted text with Go's escapes, and what Rulekit makes of it: quotes around an IP address, a network
 * or a MAC address do not hide that it is one.
 */
import { isUtf8 } from 'node:buffer';
import { cidrOf, ipOf } from '../values/address.ts';
import { bad, type Checked, good } from './problem.ts';
import type { Literal } from './syntax.ts';

const SIMPLE: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 0x5c,
};

/** Number of digits behind \x, \u and \U, and of \NNN. */
const DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

export interface Quoted {
  readonly text: string;
  /** Behind the closing quote. */
  readonly end: number;
}

/** Reads from the quote at `start`. */
export function readQuoted(source: string, start: number): Checked<Quoted> {
  const quote = source[start];
  const pieces: Buffer[] = [];
  let plainFrom = start + 1;
  const flush = (to: number): void => {
    if (to > plainFrom) pieces.push(Buffer.from(source.slice(plainFrom, to), 'utf8'));
  };
  for (let at = start + 1; at < source.length; ) {
    const char = source[at];
    if (char === quote) {
      flush(at);
      return good({ text: decode(Buffer.concat(pieces)), end: at + 1 });
    }
    if (char === '\n') {
      return bad(
        { offset: start, length: at - start },
        'text in quotes ends on its line',
        'write \\n',
      );
    }
    if (char !== '\\') {
      at++;
      continue;
    }
    const escaped = readEscape(source, at, quote ?? '');
    if (!escaped.ok) return escaped;
    flush(at);
    pieces.push(escaped.value.bytes);
    at = plainFrom = escaped.value.end;
  }
  return bad({ offset: start, length: source.length - start }, 'text in quotes has no end');
}

function readEscape(
  source: string,
  at: number,
  quote: string,
): Checked<{ bytes: Buffer; end: number }> {
  const char = source[at + 1] ?? '';
  const simple = char === quote ? char.charCodeAt(0) : SIMPLE[char];
  if (simple !== undefined) return good({ bytes: Buffer.from([simple]), end: at + 2 });
  const isOctal = /[0-7]/.test(char);
  const from = at + (isOctal ? 1 : 2);
  const count = isOctal ? 3 : (DIGITS[char] ?? 0);
  const digits = source.slice(from, from + count);
  const isWhole = count > 0 && (isOctal ? /^[0-7]{3}$/ : /^[0-9A-Fa-f]+$/).test(digits);
  const code = Number.parseInt(digits, isOctal ? 8 : 16);
  const isByte = isOctal || char === 'x';
  const isValid = isByte ? code <= 255 : code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  if (!isWhole || digits.length !== count || !isValid) {
    const hint =
      'known are \\a \\b \\f \\n \\r \\t \\v \\\\ \\xHH \\NNN \\uXXXX \\UXXXXXXXX and the quote itself';
    return bad(
      { offset: at, length: 1 + char.length },
      `unknown escape ${JSON.stringify(`\\${char}`)}`,
      hint,
    );
  }
  const bytes = isByte ? Buffer.from([code]) : Buffer.from(String.fromCodePoint(code), 'utf8');
  return good({ bytes, end: from + count });
}

/** Bytes that are not UTF-8 are Latin-1, as in the values of fields. */
function decode(bytes: Buffer): string {
  return bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1');
}

/** The value that quoted text stands for. */
export function retype(text: string): Literal['value'] {
  return ipOf(text) ?? cidrOf(text) ?? macOf(text) ?? text;
}

/** 6 or 8 octets with colons. */
function macOf(text: string): Literal['value'] | undefined {
  return /^(?:[0-9A-Fa-f]{2}:){5}(?:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}:)?[0-9A-Fa-f]{2}$/.test(text)
    ? { kind: 'mac', text: text.toLowerCase() }
    : undefined;
}
