/**
 * The one pass over a message head: finds its end, the fields that decide framing (RFC 9112 6) and
 * the values that later stages want (handoff/known-headers), without making a string.
 */
import { SLOT } from '../../handoff/known-headers.ts';

const LF = 10;
const CR = 13;
const SP = 32;
const HT = 9;
const COMMA = 44;
const COLON = 58;

/** `contentLength` when there is no such field, and when its values differ or are no number. */
export const LENGTH_ABSENT = -1;
export const LENGTH_INVALID = -2;

/** `final`: chunked once, and last. `other`: a coding, but not that. */
export type TransferCoding = 'none' | 'final' | 'other';

const name = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const CONTENT_LENGTH = name('content-length');
const TRANSFER_ENCODING = name('transfer-encoding');
const CONTENT_TYPE = name('content-type');
const HOST = name('host');
const USER_AGENT = name('user-agent');
const TRACEPARENT = name('traceparent');
const TRACESTATE = name('tracestate');
const FORWARDED = name('forwarded');
const X_REQUEST_ID = name('x-request-id');
const X_FORWARDED_FOR = name('x-forwarded-for');
const X_FORWARDED_PROTO = name('x-forwarded-proto');
const X_FORWARDED_HOST = name('x-forwarded-host');
const CHUNKED = name('chunked');

/** `known` of a head that has none of the known headers; shared, never written. */
const NONE_KNOWN: readonly number[] = Object.freeze(new Array<number>(20).fill(-1));

/** A literal, because that is the cheapest way to make an array of 20 small integers. */
function emptyKnown(): number[] {
  return [-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1];
}

/** Results are valid until the next `run`. One per stage. */
export class HeadScan {
  /** Index of the LF that ends the start line; -1 when it was not found. */
  startLineEnd = -1;
  /** After `run` returned true: index behind the empty line. */
  end = 0;
  contentLength = LENGTH_ABSENT;
  transferCoding: TransferCoding = 'none';
  /** Whitespace between a framing field's name and its colon (RFC 9112 5.1: reject a request). */
  hasSpacedName = false;
  /** See MessageHead. */
  known: ArrayLike<number> = NONE_KNOWN;
  repeated = 0;

  #start = 0;
  #slots: number[] | null = null;
  #hasChunked = false;
  #source: Uint8Array | null = null;
  #words: Int32Array = new Int32Array(0);

  /**
   * Scans the head that starts at `start` and whose bytes reach to `limit`. True when its empty
   * line is there; else the results so far are valid.
   */
  run(bytes: Uint8Array, start: number, limit: number): boolean {
    if (bytes !== this.#source) this.#use(bytes);
    this.#reset(start);
    let lf = this.#findLf(bytes, start, limit);
    this.startLineEnd = lf;
    while (lf !== -1) {
      const at = lf + 1;
      if (at >= limit) return false;
      const first = bytes[at];
      if (first === LF) {
        this.end = at + 1;
        return true;
      }
      if (first === CR && at + 1 < limit && bytes[at + 1] === LF) {
        this.end = at + 2;
        return true;
      }
      lf = this.#findFieldEnd(bytes, at, limit);
      if (lf !== -1) this.#field(bytes, first, at, lf);
    }
    return false;
  }

  #reset(start: number): void {
    this.#start = start;
    this.contentLength = LENGTH_ABSENT;
    this.transferCoding = 'none';
    this.hasSpacedName = false;
    this.#hasChunked = false;
    this.known = NONE_KNOWN;
    this.#slots = null;
    this.repeated = 0;
  }

  /** Aligned words of the buffer; without alignment they stay empty and bytes are compared. */
  #use(bytes: Uint8Array): void {
    this.#source = bytes;
    const isAligned = (bytes.byteOffset & 3) === 0;
    const words = isAligned ? bytes.length >> 2 : 0;
    this.#words = new Int32Array(bytes.buffer, isAligned ? bytes.byteOffset : 0, words);
  }

  /**
   * Index of the first LF in [from, limit), -1 when there is none. Four bytes at a time: a byte of
   * `v` is 0 where the word has a LF, and `(v - 0x01010101) & ~v & 0x80808080` marks the lowest
   * such byte (both architectures are little-endian). Half the cost of Uint8Array.indexOf on lines.
   */
  #findLf(bytes: Uint8Array, from: number, limit: number): number {
    let at = from;
    for (; (at & 3) !== 0 && at < limit; at++) if (bytes[at] === LF) return at;
    const words = this.#words;
    const wordsEnd = Math.min(limit >> 2, words.length);
    let word = at >> 2;
    for (; word < wordsEnd; word++) {
      const v = words[word] ^ 0x0a0a0a0a;
      const marks = (v - 0x01010101) & ~v & 0x80808080;
      if (marks !== 0) return (word << 2) + ((31 - Math.clz32(marks & -marks)) >> 3);
    }
    for (at = Math.max(at, word << 2); at < limit; at++) if (bytes[at] === LF) return at;
    return -1;
  }

  /** Like `#findLf`, over continuation lines (obs-fold, RFC 9112 5.2). */
  #findFieldEnd(bytes: Uint8Array, from: number, limit: number): number {
    let lf = this.#findLf(bytes, from, limit);
    while (lf !== -1 && lf + 1 < limit && (bytes[lf + 1] === SP || bytes[lf + 1] === HT)) {
      lf = this.#findLf(bytes, lf + 1, limit);
    }
    return lf;
  }

  /** Looks at the field line [at, lf): the first letter and the place of the colon tell most away. */
  #field(bytes: Uint8Array, first: number, at: number, lf: number): void {
    switch (first | 0x20) {
      case 99 /* c */:
        if (isName(bytes, at, CONTENT_TYPE)) this.#note(bytes, SLOT['content-type'], at + 13, lf);
        else if (this.#isFraming(bytes, at, lf, CONTENT_LENGTH)) this.#length(bytes, at + 14, lf);
        break;
      case 116 /* t */:
        if (isName(bytes, at, TRACEPARENT)) this.#note(bytes, SLOT.traceparent, at + 12, lf);
        else if (isName(bytes, at, TRACESTATE)) this.#note(bytes, SLOT.tracestate, at + 11, lf);
        else if (this.#isFraming(bytes, at, lf, TRANSFER_ENCODING))
          this.#coding(bytes, at + 17, lf);
        break;
      case 104 /* h */:
        if (isName(bytes, at, HOST)) this.#note(bytes, SLOT.host, at + 5, lf);
        break;
      case 117 /* u */:
        if (isName(bytes, at, USER_AGENT)) this.#note(bytes, SLOT['user-agent'], at + 11, lf);
        break;
      case 102 /* f */:
        if (isName(bytes, at, FORWARDED)) this.#note(bytes, SLOT.forwarded, at + 10, lf);
        break;
      case 120 /* x */:
        this.#extension(bytes, at, lf);
        break;
    }
  }

  #extension(bytes: Uint8Array, at: number, lf: number): void {
    if (isName(bytes, at, X_REQUEST_ID)) this.#note(bytes, SLOT['x-request-id'], at + 13, lf);
    else if (isName(bytes, at, X_FORWARDED_FOR)) {
      this.#note(bytes, SLOT['x-forwarded-for'], at + 16, lf);
    } else if (isName(bytes, at, X_FORWARDED_PROTO)) {
      this.#note(bytes, SLOT['x-forwarded-proto'], at + 18, lf);
    } else if (isName(bytes, at, X_FORWARDED_HOST)) {
      this.#note(bytes, SLOT['x-forwarded-host'], at + 17, lf);
    }
  }

  /** A framing field also when whitespace stands before its colon: somebody may take it for one. */
  #isFraming(bytes: Uint8Array, at: number, lf: number, text: Uint8Array): boolean {
    let colon = at + text.length;
    if (colon >= lf) return false;
    while (isBlank(bytes[colon]) && colon < lf) colon++;
    if (bytes[colon] !== COLON || !isWord(bytes, at, text)) return false;
    if (colon !== at + text.length) this.hasSpacedName = true;
    return true;
  }

  /** Notes where a known value lies, relative to the head, without surrounding whitespace. */
  #note(bytes: Uint8Array, slot: number, from: number, lf: number): void {
    this.#slots ??= emptyKnown();
    this.known = this.#slots;
    if (this.#slots[2 * slot] !== -1) {
      this.repeated |= 1 << slot;
      return;
    }
    let start = from;
    let end = lf;
    while (start < end && isSpace(bytes[start])) start++;
    while (end > start && isSpace(bytes[end - 1])) end--;
    this.#slots[2 * slot] = start - this.#start;
    this.#slots[2 * slot + 1] = end - this.#start;
  }

  /**
   * Content-Length (RFC 9110 8.6): a number, or a list of the same number (RFC 9112 6.3 case 5);
   * several field lines count as one list.
   */
  #length(bytes: Uint8Array, from: number, lf: number): void {
    let at = skipToColon(bytes, from) + 1;
    for (;;) {
      while (at < lf && isSpace(bytes[at])) at++;
      const digits = at;
      let value = 0;
      for (; at < lf && bytes[at] >= 48 && bytes[at] <= 57; at++)
        value = value * 10 + bytes[at] - 48;
      const isNumber = at > digits && value <= Number.MAX_SAFE_INTEGER;
      while (at < lf && isSpace(bytes[at])) at++;
      const isEnd = at >= lf || bytes[at] === COMMA;
      const isSame = this.contentLength === LENGTH_ABSENT || this.contentLength === value;
      if (!isNumber || !isEnd || !isSame) {
        this.contentLength = LENGTH_INVALID;
        return;
      }
      this.contentLength = value;
      if (at >= lf) return;
      at++;
    }
  }

  /** Transfer-Encoding (RFC 9112 6.1): only chunked, once and last, delimits a message. */
  #coding(bytes: Uint8Array, from: number, lf: number): void {
    let at = skipToColon(bytes, from) + 1;
    while (at < lf) {
      while (at < lf && (isSpace(bytes[at]) || bytes[at] === COMMA)) at++;
      if (at >= lf) return;
      const start = at;
      while (at < lf && bytes[at] !== COMMA) at++;
      let end = at;
      while (isSpace(bytes[end - 1])) end--;
      const isChunked = end - start === CHUNKED.length && isWord(bytes, start, CHUNKED);
      this.transferCoding = isChunked && !this.#hasChunked ? 'final' : 'other';
      if (isChunked) this.#hasChunked = true;
    }
  }
}

function isBlank(code: number): boolean {
  return code === SP || code === HT;
}

/** Blank, or part of a fold or of the line end. */
function isSpace(code: number): boolean {
  return code === SP || code === HT || code === CR || code === LF;
}

function skipToColon(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at] !== COLON) at++;
  return at;
}

/** True when the field name `text` (lower case) and a colon stand at `at`. */
function isName(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  return bytes[at + text.length] === COLON && isWord(bytes, at, text);
}

/** Compares letters without case. Good for letters and hyphens, all that these names have. */
function isWord(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index++) {
    if ((bytes[at + index] | 0x20) !== text[index]) return false;
  }
  return true;
}
