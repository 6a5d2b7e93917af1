/**
 * The patterns that need no engine: literal ASCII characters and classes of them, perhaps bound to
 * the start or the end, without alternatives and repetitions. They match bytes one by one, so bytes
 * of any encoding can stand around them.
 */
import { containsBytes } from './text.ts';

export interface PlainPattern {
  readonly isAtStart: boolean;
  readonly isAtEnd: boolean;
  /** One table a position: 1 for each byte that matches. */
  readonly positions: readonly Uint8Array[];
  /** The same bytes when every position has exactly one; null otherwise. */
  readonly literal: Uint8Array | null;
}

const SPECIAL = '\\^$.[]|()?*+{}';

/** Null for everything that needs an engine. */
export function parsePlain(source: string): PlainPattern | null {
  const isAtStart = source.startsWith('^');
  const positions: Uint8Array[] = [];
  let isAtEnd = false;
  for (let at = isAtStart ? 1 : 0; at < source.length; ) {
    if (source[at] === '$' && at === source.length - 1) {
      isAtEnd = true;
      break;
    }
    const read = source[at] === '[' ? readClass(source, at) : readCharacter(source, at);
    if (read === null) return null;
    positions.push(read.table);
    at = read.next;
  }
  return { isAtStart, isAtEnd, positions, literal: literalOf(positions) };
}

interface Read {
  readonly table: Uint8Array;
  readonly next: number;
}

function readCharacter(source: string, at: number): Read | null {
  const char = source[at] ?? '';
  if (char === '\\') {
    const escaped = source[at + 1] ?? '';
    return isPunctuation(escaped) ? { table: tableOf(escaped), next: at + 2 } : null;
  }
  if (SPECIAL.includes(char) || !isAscii(char)) return null;
  return { table: tableOf(char), next: at + 1 };
}

/** `[a-z0-9_.-]`: ranges of ASCII letters and digits, and single characters; no negation. */
function readClass(source: string, open: number): Read | null {
  const close = source.indexOf(']', open + 2);
  const body = source.slice(open + 1, close);
  if (close < 0 || !/^(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_./:@%=])+-?$/.test(body)) return null;
  const table = new Uint8Array(256);
  for (const [part] of body.matchAll(/[A-Za-z0-9]-[A-Za-z0-9]|./g)) {
    const from = part.charCodeAt(0);
    const to = part.charCodeAt(part.length - 1);
    if (from > to) return null;
    table.fill(1, from, to + 1);
  }
  return { table, next: close + 1 };
}

function literalOf(positions: readonly Uint8Array[]): Uint8Array | null {
  const literal = new Uint8Array(positions.length);
  for (const [index, table] of positions.entries()) {
    const first = table.indexOf(1);
    if (first !== table.lastIndexOf(1)) return null;
    literal[index] = first;
  }
  return literal;
}

function tableOf(char: string): Uint8Array {
  const table = new Uint8Array(256);
  table[char.charCodeAt(0)] = 1;
  return table;
}

function isAscii(char: string): boolean {
  return char >= ' ' && char <= '~';
}

function isPunctuation(char: string): boolean {
  return char !== '' && isAscii(char) && !/[A-Za-z0-9 ]/.test(char);
}

/** True when the pattern matches some part of bytes [start, end). */
export function testPlain(
  pattern: PlainPattern,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  const { positions, isAtStart, isAtEnd, literal } = pattern;
  if (literal !== null && !isAtStart && !isAtEnd) return containsBytes(bytes, start, end, literal);
  const count = positions.length;
  const last = end - count;
  const from = isAtEnd && !isAtStart ? Math.max(start, last) : start;
  const to = isAtStart ? start : last;
  for (let at = from; at <= to && at <= last; at++) {
    if (isAtEnd && at !== last) return false;
    let index = 0;
    while (index < count && positions[index][bytes[at + index]] === 1) index++;
    if (index === count) return true;
  }
  return false;
}
