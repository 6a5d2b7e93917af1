/**
 * The first line of a request head, taken apart in place (RFC 9112 3): method, the parts of the
 * target in any of its four forms, and the version, as offsets into the bytes. What is not there is
 * empty (start = end). One object serves all rows.
 *
 * Byte codes are constants of this module: an imported one costs a load for each byte looked at.
 */
import { behindUser } from './authority.ts';

const SPACE = 0x20;
const LF = 0x0a;
const CR = 0x0d;
const SLASH = 0x2f;
const COLON = 0x3a;
const QUESTION = 0x3f;
const HASH = 0x23;
const VERSION = Buffer.from('HTTP/1.1');

export class RequestLine {
  methodStart = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  /** The digits: "1.1". */
  versionStart = 0;
  versionEnd = 0;
  /** HTTP/1.x: 0 or 1; 1 where the line was cut before it. */
  minor = 1;
  /** Absolute-form only. */
  schemeStart = 0;
  schemeEnd = 0;
  /** Absolute-form, and the whole target of CONNECT: with user and password, as sent. */
  authorityStart = 0;
  authorityEnd = 0;
  /** Where the authority goes on without user and password. */
  hostStart = 0;
  /** Empty for authority-form, and for absolute-form without a path. `*` is a path. */
  pathStart = 0;
  pathEnd = 0;
  /** Without the question mark. `hasQuery` tells an empty query from none. */
  queryStart = 0;
  queryEnd = 0;
  hasQuery = false;
  /** End of the line in the head: where the headers start. */
  end = 0;
  /** First of their kind in the line behind the method; `end` when there is none. */
  #question = 0;
  #hash = 0;
  /** The line has no end: it was cut. */
  #isCut = false;

  /** Reads the line that begins at `start`, behind empty lines (RFC 9112 2.2). */
  parse(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end && (bytes[at] === CR || bytes[at] === LF)) at++;
    this.methodStart = at;
    while (at < end && bytes[at] !== SPACE && bytes[at] !== LF) at++;
    this.methodEnd = at;
    if (at < end && bytes[at] === SPACE) at++;
    this.targetStart = at;
    this.#splitVersion(bytes, this.#scan(bytes, at, end));
    this.#splitTarget(bytes);
  }

  /** The one pass over the target; returns where the line ends. Most bytes of it are letters. */
  #scan(bytes: Uint8Array, start: number, end: number): number {
    let question = end;
    let hash = end;
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at];
      if (byte > QUESTION) continue;
      if (byte === LF) break;
      if (byte === QUESTION && question === end) question = at;
      if (byte === HASH && hash === end) hash = at;
    }
    this.#question = question;
    this.#hash = hash;
    this.end = at < end ? at + 1 : end;
    this.#isCut = at === end;
    return at;
  }

  /**
   * The version is the last word, or as much of it as there is in a line that was cut: a target
   * may hold spaces (servers take them), and so may the end of the line.
   */
  #splitVersion(bytes: Uint8Array, lineEnd: number): void {
    const start = this.targetStart;
    let end = lineEnd;
    while (end > start && (bytes[end - 1] === CR || bytes[end - 1] === SPACE)) end--;
    let word = end - 8;
    const isWhole = word > start && bytes[word - 1] === SPACE && bytes[word + 4] === SLASH;
    if (!isWhole) word = cutVersion(bytes, start, end);
    this.targetEnd = isWhole || word < end ? word - 1 : end;
    this.versionStart = Math.min(word + 5, end);
    this.versionEnd = end;
    this.minor = isWhole && bytes[end - 1] === 0x30 ? 0 : 1;
  }

  /** A fragment is neither path nor query (RFC 3986 3.5), though it has no business here. */
  #splitTarget(bytes: Uint8Array): void {
    const { targetStart: start, targetEnd: end } = this;
    this.schemeStart = this.schemeEnd = this.authorityStart = this.authorityEnd = start;
    this.hostStart = this.pathStart = start;
    if (bytes[start] !== SLASH) this.#splitAuthority(bytes, start, end);
    this.queryEnd = Math.min(this.#hash, end);
    this.hasQuery = this.#question < this.queryEnd && this.pathStart < end;
    this.pathEnd = this.hasQuery ? this.#question : Math.max(this.queryEnd, this.pathStart);
    this.queryStart = this.hasQuery ? this.pathEnd + 1 : this.queryEnd;
  }

  /** RFC 9112 3.2.2 to 3.2.4; the asterisk is a path of its own. */
  #splitAuthority(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end && isSchemeByte(bytes[at])) at++;
    const isAbsolute = bytes[at] === COLON && bytes[at + 1] === SLASH && bytes[at + 2] === SLASH;
    if (at > start && isAbsolute && at + 3 <= end) {
      this.schemeEnd = at;
      this.authorityStart = at + 3;
      for (at += 3; at < end && !endsAuthority(bytes[at]); ) at++;
    } else if (this.#isConnect(bytes)) at = end;
    else return;
    // What looks like host and port may be user and password, of which the @ was cut off.
    if (this.#isCut && at === end) {
      this.authorityEnd = this.hostStart = this.authorityStart;
      this.pathStart = end;
      return;
    }
    this.authorityEnd = at;
    this.hostStart = behindUser(bytes, this.authorityStart, at);
    this.pathStart = at;
  }

  #isConnect(bytes: Uint8Array): boolean {
    const at = this.methodStart;
    return this.methodEnd - at === 7 && bytes[at] === 0x43 && bytes[at + 6] === 0x54;
  }
}

/** Where the last word of [start, end) starts when it may begin "HTTP/1.1"; `end` when not. */
function cutVersion(bytes: Uint8Array, start: number, end: number): number {
  let word = end;
  while (word > start && bytes[word - 1] !== SPACE) word--;
  for (let at = word; at < end; at++) if (bytes[at] !== VERSION[at - word]) return end;
  return word > start ? word : end;
}

/** RFC 3986 3.2. */
function endsAuthority(byte: number): boolean {
  return byte === SLASH || byte === QUESTION || byte === HASH;
}

function isSchemeByte(byte: number): boolean {
  const lower = byte | 0x20;
  return (
    (lower >= 0x61 && lower <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x2e
  );
}
