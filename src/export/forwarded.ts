/**
 * The original request as proxies before this one wrote it down: `Forwarded` (RFC 7239) and the
 * X-Forwarded family. What counts is the first element of a list: the hop next to the client.
 */
import { isBlank, lowerCase } from '../handoff/ascii.ts';

const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** A slice that a search found; `end` is 0 for none. */
export class Slice {
  start = 0;
  end = 0;

  clear(): boolean {
    this.end = 0;
    return false;
  }

  /** Trims white space; false when nothing is left. */
  set(bytes: Uint8Array, start: number, end: number): boolean {
    let from = start;
    let to = end;
    while (from < to && isBlank(bytes[from])) from++;
    while (to > from && isBlank(bytes[to - 1])) to--;
    if (from === to) return this.clear();
    this.start = from;
    this.end = to;
    return true;
  }
}

/** First member of a comma-separated list: `X-Forwarded-For: client, proxy`. */
export function firstElement(bytes: Uint8Array, start: number, end: number, into: Slice): boolean {
  let at = start;
  while (at < end && bytes[at] !== COMMA) at++;
  return into.set(bytes, start, at);
}

/**
 * Value of parameter `name` (lower case) in the first element of a Forwarded header, without its
 * quotes. Values with quoted pairs are taken as absent: no address or host contains one.
 */
export function forwardedParameter(
  bytes: Uint8Array,
  start: number,
  end: number,
  name: string,
  into: Slice,
): boolean {
  let at = start;
  while (at < end && bytes[at] !== COMMA) {
    const pairStart = at;
    let equals = -1;
    let isQuoted = false;
    for (; at < end; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) isQuoted = !isQuoted;
      if (!isQuoted && (byte === SEMICOLON || byte === COMMA)) break;
      if (byte === EQUALS && equals < 0) equals = at;
    }
    if (equals >= 0 && into.set(bytes, pairStart, equals) && isWord(bytes, into, name)) {
      return unquote(bytes, equals + 1, at, into);
    }
    if (bytes[at] === SEMICOLON) at++;
  }
  return into.clear();
}

function unquote(bytes: Uint8Array, start: number, end: number, into: Slice): boolean {
  if (!into.set(bytes, start, end)) return false;
  if (bytes[into.start] !== QUOTE) return true;
  if (bytes[into.end - 1] !== QUOTE || into.end - into.start < 2) return into.clear();
  for (let i = into.start; i < into.end; i++) if (bytes[i] === BACKSLASH) return into.clear();
  return into.set(bytes, into.start + 1, into.end - 1);
}

/** Case-insensitive; `word` in lower case. */
export function isWord(bytes: Uint8Array, slice: Slice, word: string): boolean {
  if (slice.end - slice.start !== word.length) return false;
  for (let i = 0; i < word.length; i++) {
    if (lowerCase(bytes[slice.start + i]) !== word.charCodeAt(i)) return false;
  }
  return true;
}
