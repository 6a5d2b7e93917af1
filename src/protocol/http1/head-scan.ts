/**
 * The one pass over a message head: finds its end, the fields that decide framing (RFC 9112 6) and
 * the values that later stages want (handoff/known-headers), without making a string. Four bytes
 * are looked at in one step, wherever they lie: a DataView reads unaligned words.
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

/** Sets the bit that letters differ in by case; hyphen, colon and digits have it anyway. */
const LOWER = 0x20202020;

/**
 * Four characters of lower-case names as the little-endian words that they are in a head. Literals,
 * so that comparing is one instruction; test/protocol/head-scan.test.ts checks them by the names.
 */
const CONT = 0x746e6f63;
const TRAN = 0x6e617274;
const TRAC = 0x63617274;
const HOST = 0x74736f68;
const USER = 0x72657375;
const UPGR = 0x72677075;
const FORW = 0x77726f66;
const X_RE = 0x65722d78;
const X_FO = 0x6f662d78;
const ENT_ = 0x2d746e65;
const TYPE = 0x65707974;
const LENG = 0x676e656c;
const NGTH = 0x6874676e;
const SFER = 0x72656673;
const _ENC = 0x636e652d;
const ODIN = 0x6e69646f;
const DING = 0x676e6964;
const EPAR = 0x72617065;
const RENT = 0x746e6572;
const ESTA = 0x61747365;
const TATE = 0x65746174;
const _AGE = 0x6567612d;
const GENT = 0x746e6567;
const ARDE = 0x65647261;
const RDED = 0x64656472;
const QUES = 0x73657571;
const T_ID = 0x64692d74;
const RWAR = 0x72617772;
const DED_ = 0x2d646564;
const _FOR = 0x726f662d;
const PROT = 0x746f7270;
const ROTO = 0x6f746f72;
const ADE_ = 0x3a656461;
const CHUN = 0x6e756863;
const NKED = 0x64656b6e;

/** Names are compared by words that may reach so far beyond the line that they stand in. */
const OVERREAD_BYTES = 24;

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
  /** There is an Upgrade field: a response of 101 would turn the connection into something else. */
  hasUpgrade = false;
  /** See MessageHead. */
  known: ArrayLike<number> = NONE_KNOWN;
  repeated = 0;

  #start = 0;
  #slots: number[] | null = null;
  #hasChunked = false;
  #source: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  /**
   * Scans the head that starts at `start` and whose bytes reach to `limit`. True when its empty
   * line is there; else the results so far are valid. Known headers are noted of requests only.
   */
  run(bytes: Uint8Array, start: number, limit: number, isRequest: boolean): boolean {
    if (limit + OVERREAD_BYTES > bytes.length) return this.#runCopy(bytes, start, limit, isRequest);
    if (bytes !== this.#source) this.#use(bytes);
    this.#reset(start);
    const view = this.#view;
    let lf = findLf(view, start, limit);
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
      lf = findLf(view, at, limit);
      // Continuation lines (obs-fold, RFC 9112 5.2).
      while (lf !== -1 && lf + 1 < limit && isBlank(bytes[lf + 1])) {
        lf = findLf(view, lf + 1, limit);
      }
      if (lf === -1) return false;
      if (isRequest) this.#requestField(bytes, view, at, lf);
      else this.#responseField(bytes, view, at, lf);
    }
    return false;
  }

  /** At the very end of a buffer: scans a copy that has room behind it. */
  #runCopy(bytes: Uint8Array, start: number, limit: number, isRequest: boolean): boolean {
    const copy = new Uint8Array(limit - start + OVERREAD_BYTES);
    copy.set(bytes.subarray(start, limit));
    const isWhole = this.run(copy, 0, limit - start, isRequest);
    if (this.startLineEnd !== -1) this.startLineEnd += start;
    this.end += start;
    return isWhole;
  }

  #reset(start: number): void {
    this.#start = start;
    this.contentLength = LENGTH_ABSENT;
    this.transferCoding = 'none';
    this.hasSpacedName = false;
    this.hasUpgrade = false;
    this.#hasChunked = false;
    this.known = NONE_KNOWN;
    this.#slots = null;
    this.repeated = 0;
  }

  #use(bytes: Uint8Array): void {
    this.#source = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /**
   * Looks at the field line [at, lf) of a request: its first four letters tell most away. Words
   * that reach beyond `lf` are harmless, a line end is in no name.
   */
  #requestField(bytes: Uint8Array, view: DataView, at: number, lf: number): void {
    switch (view.getInt32(at, true) | LOWER) {
      case CONT:
      case TRAN:
        this.#framingField(bytes, view, at, lf);
        if (isTwo(view, at, ENT_, 8, TYPE)) this.#note(bytes, SLOT['content-type'], at + 12, lf);
        break;
      case HOST:
        this.#note(bytes, SLOT.host, at + 4, lf);
        break;
      case USER:
        if (isTwo(view, at, _AGE, 6, GENT)) this.#note(bytes, SLOT['user-agent'], at + 10, lf);
        break;
      case UPGR:
        if (isWord(view, at + 4, ADE_)) this.hasUpgrade = true;
        break;
      case X_RE:
        if (isTwo(view, at, QUES, 8, T_ID)) this.#note(bytes, SLOT['x-request-id'], at + 12, lf);
        break;
      case X_FO:
        this.#forwarded(bytes, view, at, lf);
        break;
      case TRAC:
        if (isTwo(view, at, EPAR, 7, RENT)) this.#note(bytes, SLOT.traceparent, at + 11, lf);
        else if (isTwo(view, at, ESTA, 6, TATE)) this.#note(bytes, SLOT.tracestate, at + 10, lf);
        break;
      case FORW:
        if (isTwo(view, at, ARDE, 5, RDED)) this.#note(bytes, SLOT.forwarded, at + 9, lf);
        break;
    }
  }

  /** Of a response only framing matters. */
  #responseField(bytes: Uint8Array, view: DataView, at: number, lf: number): void {
    const word = view.getInt32(at, true) | LOWER;
    if (word === CONT || word === TRAN) this.#framingField(bytes, view, at, lf);
  }

  #forwarded(bytes: Uint8Array, view: DataView, at: number, lf: number): void {
    if (!isTwo(view, at, RWAR, 8, DED_)) return;
    if (isWord(view, at + 11, _FOR)) {
      this.#note(bytes, SLOT['x-forwarded-for'], at + 15, lf);
    } else if (isWord(view, at + 12, HOST)) {
      this.#note(bytes, SLOT['x-forwarded-host'], at + 16, lf);
    } else if (isWord(view, at + 12, PROT) && isWord(view, at + 13, ROTO)) {
      this.#note(bytes, SLOT['x-forwarded-proto'], at + 17, lf);
    }
  }

  /** Content-Length and Transfer-Encoding, whose first word was compared. */
  #framingField(bytes: Uint8Array, view: DataView, at: number, lf: number): void {
    if (isTwo(view, at, ENT_, 8, LENG) && isWord(view, at + 10, NGTH)) {
      const colon = this.#framingColon(bytes, at + 14, lf);
      if (colon !== -1) this.#length(bytes, colon + 1, lf);
    } else if (isTwo(view, at, SFER, 8, _ENC) && isTwo(view, at + 8, ODIN, 5, DING)) {
      const colon = this.#framingColon(bytes, at + 17, lf);
      if (colon !== -1) this.#coding(bytes, view, colon + 1, lf);
    }
  }

  /** Also when whitespace stands before it: somebody may take the field for a framing one. */
  #framingColon(bytes: Uint8Array, from: number, lf: number): number {
    let colon = from;
    while (colon < lf && isBlank(bytes[colon])) colon++;
    if (colon >= lf || bytes[colon] !== COLON) return -1;
    if (colon !== from) this.hasSpacedName = true;
    return colon;
  }

  /**
   * Notes where a known value lies, relative to the head, without surrounding whitespace. `colon`:
   * where the colon must be, else the name is a longer one.
   */
  #note(bytes: Uint8Array, slot: number, colon: number, lf: number): void {
    if (bytes[colon] !== COLON || colon >= lf) return;
    let slots = this.#slots;
    if (slots === null) {
      slots = emptyKnown();
      this.#slots = slots;
      this.known = slots;
    }
    if (slots[2 * slot] !== -1) {
      this.repeated |= 1 << slot;
      return;
    }
    let start = colon + 1;
    let end = lf;
    while (start < end && isSpace(bytes[start])) start++;
    while (end > start && isSpace(bytes[end - 1])) end--;
    slots[2 * slot] = start - this.#start;
    slots[2 * slot + 1] = end - this.#start;
  }

  /**
   * Content-Length (RFC 9110 8.6): a number, or a list of the same number (RFC 9112 6.3 case 5);
   * several field lines count as one list.
   */
  #length(bytes: Uint8Array, from: number, lf: number): void {
    let at = from;
    for (;;) {
      while (at < lf && isSpace(bytes[at])) at++;
      const digits = at;
      let value = 0;
      for (; at < lf && bytes[at] >= 48 && bytes[at] <= 57; at++) {
        value = value * 10 + bytes[at] - 48;
      }
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
  #coding(bytes: Uint8Array, view: DataView, from: number, lf: number): void {
    let at = from;
    while (at < lf) {
      while (at < lf && (isSpace(bytes[at]) || bytes[at] === COMMA)) at++;
      if (at >= lf) return;
      const start = at;
      while (at < lf && bytes[at] !== COMMA) at++;
      let end = at;
      while (isSpace(bytes[end - 1])) end--;
      const isChunked =
        end - start === 7 && isWord(view, start, CHUN) && isWord(view, start + 3, NKED);
      this.transferCoding = isChunked && !this.#hasChunked ? 'final' : 'other';
      if (isChunked) this.#hasChunked = true;
    }
  }
}

/**
 * Index of the first LF in [from, limit), -1 when there is none. A byte of `v` is 0 where the word
 * has a LF, and `(v - 0x01010101) & ~v & 0x80808080` marks the lowest such byte.
 */
function findLf(view: DataView, from: number, limit: number): number {
  for (let at = from; at < limit; at += 8) {
    const v = view.getInt32(at, true) ^ LF_WORD;
    const marks = (v - 0x01010101) & ~v & 0x80808080;
    if (marks !== 0) return within(at + ((31 - Math.clz32(marks & -marks)) >> 3), limit);
    const w = view.getInt32(at + 4, true) ^ LF_WORD;
    const more = (w - 0x01010101) & ~w & 0x80808080;
    if (more !== 0) return within(at + 4 + ((31 - Math.clz32(more & -more)) >> 3), limit);
  }
  return -1;
}

const LF_WORD = 0x0a0a0a0a;

/** A LF behind the limit (words reach beyond it) is none. */
function within(at: number, limit: number): number {
  return at < limit ? at : -1;
}

/** True when the four bytes at `at` are this word, in whatever case. */
function isWord(view: DataView, at: number, word: number): boolean {
  return (view.getInt32(at, true) | LOWER) === word;
}

/** True when the second word of a name is `second`, and the one at `lastAt` is `last`. */
function isTwo(view: DataView, at: number, second: number, lastAt: number, last: number): boolean {
  return isWord(view, at + 4, second) && isWord(view, at + lastAt, last);
}

function isBlank(code: number): boolean {
  return code === SP || code === HT;
}

/** Blank, or part of a fold or of the line end. */
function isSpace(code: number): boolean {
  return code === SP || code === HT || code === CR || code === LF;
}
