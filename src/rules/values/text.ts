/** Text of a message as bytes: comparison without making a string of it, and the string if need be. */
import { isUtf8 } from 'node:buffer';
import type { TextSlice } from '../types.ts';

export function emptySlice(): TextSlice {
  return { bytes: new Uint8Array(0), start: 0, end: 0 };
}

/** Only ASCII reads the same in every encoding, so only such literals are compared as bytes. */
export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

export function isSameBytes(slice: TextSlice, wanted: Uint8Array): boolean {
  return slice.end - slice.start === wanted.length && isAt(slice.bytes, slice.start, wanted);
}

export function startsWithBytes(slice: TextSlice, wanted: Uint8Array): boolean {
  return slice.end - slice.start >= wanted.length && isAt(slice.bytes, slice.start, wanted);
}

export function containsBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  wanted: Uint8Array,
): boolean {
  const last = end - wanted.length;
  const first = wanted[0];
  for (let at = start; at <= last; at++) {
    if (bytes[at] === first && isAt(bytes, at, wanted)) return true;
  }
  return wanted.length === 0;
}

function isAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false;
  return true;
}

/** UTF-8, or Latin-1 where it is not that. */
export function decodeText({ bytes, start, end }: TextSlice): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  const latin1 = buffer.toString('latin1');
  if (isAscii(latin1)) return latin1;
  return isUtf8(buffer) ? buffer.toString('utf8') : latin1;
}
