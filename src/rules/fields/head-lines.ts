/**
 * Where the field lines of one message head are: found once, when the first header is asked for, and
 * kept as numbers. RFC 9112 5: a line is a name, a colon and a value; one that begins with white space
 * continues the value before it (5.2, obsolete).
 */
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const HT = 0x09;
const COLON = 0x3a;

/** Columns of a line: start and end of the name, start and end of the value. */
const COLUMNS = 4;
const LINES_START = 64;

export class HeadLines {
  count = 0;
  #at = new Int32Array(LINES_START * COLUMNS);
  /** Lines whose value is continued, as bits would be too few: true by line. */
  #isFolded: boolean[] = [];

  /** Reads the lines of bytes [start, end), a head from its start line on. */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.count = 0;
    if (this.#isFolded.length > 0) this.#isFolded = [];
    let at = start;
    while (at < end && bytes[at] !== LF) at++;
    for (at++; at < end; at++) {
      const first = bytes[at];
      if (first === CR || first === LF) return;
      const from = at;
      while (at < end && bytes[at] !== COLON && bytes[at] !== LF) at++;
      const colon = bytes[at] === COLON ? at : -1;
      while (at < end && bytes[at] !== LF) at++;
      if (first === SP || first === HT) this.#continue(at);
      else if (colon > from) this.#add(from, colon, at);
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
    if (this.count === 0) return;
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

  nameStart(line: number): number {
    return this.#at[line * COLUMNS];
  }

  nameEnd(line: number): number {
    return this.#at[line * COLUMNS + 1];
  }

  /** Without the white space around it. */
  valueStart(bytes: Uint8Array, line: number): number {
    let at = this.#at[line * COLUMNS + 2];
    const end = this.#at[line * COLUMNS + 3];
    while (at < end && isSpace(bytes[at])) at++;
    return at;
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

function isSpace(byte: number): boolean {
  return byte === SP || byte === HT || byte === CR || byte === LF;
}

/** ASCII letters only. */
export function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}
