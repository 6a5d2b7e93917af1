/**
 * Where the field lines of one message head are: found once, kept as numbers. RFC 9112 5: a line is
 * a name, a colon and a value; one that begins with white space continues the value before it (5.2,
 * obsolete). Lines without a colon are no fields.
 */
import { isBlank, lowerCase } from './ascii.ts';

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;

/** Columns of a line: start and end of the name, start and end of the value. */
const COLUMNS = 4;
const LINES_START = 64;

export class HeadLines {
  count = 0;
  #at = new Int32Array(LINES_START * COLUMNS);
  /** By line; empty for heads without such values. */
  #isFolded: boolean[] = [];

  /** Reads the lines of bytes [start, end), a head from its start line on. */
  read(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end && bytes[at] !== LF) at++;
    this.readFields(bytes, at + 1, end);
  }

  /** The same from behind the start line on. */
  readFields(bytes: Uint8Array, start: number, end: number): void {
    this.count = 0;
    if (this.#isFolded.length > 0) this.#isFolded = [];
    let isField = false;
    for (let at = start; at < end; at++) {
      const first = bytes[at];
      if (first === CR || first === LF) return;
      const from = at;
      while (at < end && bytes[at] !== COLON && bytes[at] !== LF) at++;
      const colon = at;
      while (at < end && bytes[at] !== LF) at++;
      if (isBlank(first)) {
        if (isField) this.#continue(at);
      } else {
        isField = colon > from && colon < at;
        if (isField) this.#add(from, colon, at);
      }
    }
  }

  #add(from: number, colon: number, lineEnd: number): void {
    if ((this.count + 1) * COLUMNS > this.#at.length) this.#grow();
    const column = this.count * COLUMNS;
    this.#at[column] = from;
    this.#at[column + 1] = colon;
    this.#at[column + 2] = colon + 1;
    this.#at[column + 3] = lineEnd;
    this.count++;
  }

  #continue(lineEnd: number): void {
    this.#at[this.count * COLUMNS - 1] = lineEnd;
    this.#isFolded[this.count - 1] = true;
  }

  #grow(): void {
    const larger = new Int32Array(2 * this.#at.length);
    larger.set(this.#at);
    this.#at = larger;
  }

  /** Number of occurrence `index` of the field called `name` (lower case); -1 when there is none. */
  find(bytes: Uint8Array, name: Uint8Array, index: number): number {
    let left = index;
    for (let line = 0; line < this.count; line++) {
      if (this.isNamed(bytes, line, name) && left-- === 0) return line;
    }
    return -1;
  }

  isNamed(bytes: Uint8Array, line: number, name: Uint8Array): boolean {
    const from = this.#at[line * COLUMNS];
    if (this.#at[line * COLUMNS + 1] - from !== name.length) return false;
    for (let i = 0; i < name.length; i++) {
      if (lowerCase(bytes[from + i]) !== name[i]) return false;
    }
    return true;
  }

  /** Whether two lines have the same name (RFC 9110 5.1: without regard to case). */
  isSameName(bytes: Uint8Array, line: number, other: number): boolean {
    const a = this.#at[line * COLUMNS];
    const b = this.#at[other * COLUMNS];
    const lenBytes = this.#at[line * COLUMNS + 1] - a;
    if (this.#at[other * COLUMNS + 1] - b !== lenBytes) return false;
    for (let i = 0; i < lenBytes; i++) {
      if (lowerCase(bytes[a + i]) !== lowerCase(bytes[b + i])) return false;
    }
    return true;
  }

  nameStart(line: number): number {
    return this.#at[line * COLUMNS];
  }

  nameEnd(line: number): number {
    return this.#at[line * COLUMNS + 1];
  }

  /** Without the white space around it; equal to `valueEnd` when there is nothing else. */
  valueStart(bytes: Uint8Array, line: number): number {
    const start = this.#at[line * COLUMNS + 2];
    const end = this.#at[line * COLUMNS + 3];
    let at = start;
    while (at < end && isSpace(bytes[at])) at++;
    return at < end ? at : start;
  }

  valueEnd(bytes: Uint8Array, line: number): number {
    let end = this.#at[line * COLUMNS + 3];
    const start = this.#at[line * COLUMNS + 2];
    while (end > start && isSpace(bytes[end - 1])) end--;
    return end;
  }

  isFolded(line: number): boolean {
    return this.#isFolded[line] === true;
  }
}

/** A value with each line break, and the white space around it, as one space (RFC 9112 5.2). */
export function unfold(value: string): string {
  return value.includes('\n') ? value.replace(/[ \t]*\r?\n[ \t]+/g, ' ') : value;
}

function isSpace(byte: number): boolean {
  return isBlank(byte) || byte === CR || byte === LF;
}
