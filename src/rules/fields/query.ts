/** Values of query keys: `a=1&b=2`, %-escapes and `+` decoded as servers do. */
import { hexDigit } from '../../handoff/ascii.ts';
import type { TextSlice } from '../types.ts';
import { emptySlice } from '../values/text.ts';
import type { Arena } from './arena.ts';

const AMPERSAND = 0x26;
const EQUALS = 0x3d;
const PERCENT = 0x25;
const PLUS = 0x2b;
const SP = 0x20;

/** Appends bytes [start, end) with %XX decoded; what is no escape stays as it is. */
export function appendDecoded(
  bytes: Uint8Array,
  start: number,
  end: number,
  isForm: boolean,
  arena: Arena,
): void {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    const high = byte === PERCENT && at + 2 < end ? hexDigit(bytes[at + 1]) : -1;
    const low = high < 0 ? -1 : hexDigit(bytes[at + 2]);
    if (low >= 0) {
      arena.push(high * 16 + low);
      at += 2;
    } else arena.push(isForm && byte === PLUS ? SP : byte);
  }
}

export class QueryKeys {
  readonly #key = emptySlice();

  /** Value number `index` of `key`; a key without `=` has an empty value. */
  find(
    query: Readonly<TextSlice>,
    key: Uint8Array,
    index: number,
    arena: Arena,
    into: TextSlice,
  ): boolean {
    const { bytes, end } = query;
    let left = index;
    for (let at = query.start; at < end; at++) {
      const from = at;
      let equals = -1;
      for (; at < end && bytes[at] !== AMPERSAND; at++) {
        if (bytes[at] === EQUALS && equals < 0) equals = at;
      }
      const keyEnd = equals < 0 ? at : equals;
      if (!this.#isKey(bytes, from, keyEnd, key, arena) || left-- > 0) continue;
      return take(bytes, equals < 0 ? at : equals + 1, at, arena, into);
    }
    return false;
  }

  #isKey(bytes: Uint8Array, start: number, end: number, key: Uint8Array, arena: Arena): boolean {
    // Decoding never makes a key longer.
    if (end - start < key.length) return false;
    if (!take(bytes, start, end, arena, this.#key)) return false;
    const { bytes: decoded, start: from, end: to } = this.#key;
    if (to - from !== key.length) return false;
    for (let i = 0; i < key.length; i++) if (decoded[from + i] !== key[i]) return false;
    return true;
  }
}

/** In place when there is nothing to decode. */
function take(
  bytes: Uint8Array,
  start: number,
  end: number,
  arena: Arena,
  into: TextSlice,
): boolean {
  for (let at = start; at < end; at++) {
    if (bytes[at] !== PERCENT && bytes[at] !== PLUS) continue;
    appendDecoded(bytes, start, end, true, arena);
    return arena.take(into);
  }
  into.bytes = bytes;
  into.start = start;
  into.end = end;
  return true;
}
