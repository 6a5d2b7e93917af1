/**
 * Bytes with a view beside them, so that hot loops move four at a time, and a scratch buffer for
 * values that have to be composed or changed before they are written.
 */
import { isUtf8 } from 'node:buffer';

export class ByteSource {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  static of(text: string): ByteSource {
    return new ByteSource(Buffer.from(text));
  }
}

/** Little-endian words of `bytes`, the last one filled up with zeros. */
export function toWords(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(Math.ceil(bytes.length / 4));
  for (let i = 0; i < bytes.length; i++) words[i >> 2] |= bytes[i] << ((i & 3) * 8);
  return words;
}

export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

/**
 * The value as proto3 wants it: bytes that are valid UTF-8 stay, others are read as Latin-1 (what
 * RFC 9110 5.5 calls obs-text has no other agreed meaning).
 */
export function toUtf8(bytes: Uint8Array, start: number, end: number): Buffer {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  return isUtf8(raw) ? raw : Buffer.from(raw.toString('latin1'), 'utf8');
}

/** At most `bytesMax` bytes of valid UTF-8, cut between characters. */
export function cutUtf8(text: Buffer, bytesMax: number): Buffer {
  if (text.length <= bytesMax) return text;
  let end = bytesMax;
  while (end > 0 && (text[end] & 0xc0) === 0x80) end--;
  return text.subarray(0, end);
}

/** True when every byte is ASCII. */
export function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  let seen = 0;
  for (let i = start; i < end; i++) seen |= bytes[i];
  return seen < 0x80;
}

/** A growing place for composed values; valid until the next `reset`. */
export class Scratch {
  source = new ByteSource(new Uint8Array(4096));
  pos = 0;

  reset(): void {
    this.pos = 0;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    this.#ensure(end - start);
    const into = this.source.bytes;
    let pos = this.pos;
    for (let i = start; i < end; i++) into[pos++] = bytes[i];
    this.pos = pos;
  }

  appendText(text: string): void {
    this.#ensure(text.length);
    for (let i = 0; i < text.length; i++) this.source.bytes[this.pos++] = text.charCodeAt(i);
  }

  #ensure(more: number): void {
    const needed = this.pos + more;
    if (needed <= this.source.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.source.bytes.length));
    grown.set(this.source.bytes);
    this.source = new ByteSource(grown);
  }
}
