/**
 * The first line of a request head, as offsets into it (RFC 9112 3): method, the parts of the
 * target in any of its four forms, and the minor version. One object serves all rows.
 */

const SPACE = 0x20;
const LF = 0x0a;
const CR = 0x0d;
const SLASH = 0x2f;
const COLON = 0x3a;
const QUESTION = 0x3f;
const HASH = 0x23;

export class RequestLine {
  methodStart = 0;
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  /** HTTP/1.x: 0 or 1. */
  minor = 1;
  /** Absolute-form only: scheme and authority; empty otherwise. */
  schemeStart = 0;
  schemeEnd = 0;
  authorityStart = 0;
  authorityEnd = 0;
  /** Empty for authority-form, and for absolute-form without a path. */
  pathStart = 0;
  pathEnd = 0;
  /** Without the question mark. `hasQuery` tells an empty query from none. */
  queryStart = 0;
  queryEnd = 0;
  hasQuery = false;
  /** End of the line in the head: where the headers start. */
  end = 0;

  parse(bytes: Uint8Array, start: number, end: number): void {
    this.parseOutline(bytes, start, end);
    this.#splitPath(bytes);
  }

  /** All but path and query, which are as before: a pass less over long targets. */
  parseOutline(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end && (bytes[at] === CR || bytes[at] === LF)) at++;
    this.methodStart = at;
    while (at < end && bytes[at] !== SPACE && bytes[at] !== LF) at++;
    this.methodEnd = at;
    this.targetStart = Math.min(at + 1, end);
    this.#parseRest(bytes, end);
    this.#splitAuthority(bytes);
  }

  /**
   * The target ends at the last space of the line; what follows is the version. A fragment, which
   * nobody should send (RFC 9112 3.2), is not part of it.
   */
  #parseRest(bytes: Uint8Array, end: number): void {
    let lastSpace = -1;
    let fragment = -1;
    let at = this.targetStart;
    for (; at < end && bytes[at] !== LF; at++) {
      if (bytes[at] === SPACE) lastSpace = at;
      else if (bytes[at] === HASH && fragment < 0) fragment = at;
    }
    const lineEnd = at > this.targetStart && bytes[at - 1] === CR ? at - 1 : at;
    this.end = Math.min(at + 1, end);
    this.targetEnd = lastSpace < 0 ? lineEnd : lastSpace;
    if (fragment >= 0) this.targetEnd = Math.min(this.targetEnd, fragment);
    this.minor = lastSpace >= 0 && bytes[lineEnd - 1] === 0x30 ? 0 : 1;
  }

  #splitAuthority(bytes: Uint8Array): void {
    const { targetStart: start, targetEnd: end } = this;
    this.schemeStart = this.schemeEnd = this.authorityStart = this.authorityEnd = start;
    this.pathStart = start;
    if (bytes[start] !== SLASH) this.#splitAbsolute(bytes, start, end);
  }

  #splitPath(bytes: Uint8Array): void {
    const end = this.targetEnd;
    let at = this.pathStart;
    while (at < end && bytes[at] !== QUESTION) at++;
    this.pathEnd = at;
    this.hasQuery = at < end;
    this.queryStart = this.hasQuery ? at + 1 : end;
    this.queryEnd = end;
  }

  /** RFC 9112 3.2.2 to 3.2.4; the asterisk is a path of its own. */
  #splitAbsolute(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end && isSchemeByte(bytes[at])) at++;
    const isAbsolute = bytes[at] === COLON && bytes[at + 1] === SLASH && bytes[at + 2] === SLASH;
    if (at > start && isAbsolute && at + 3 <= end) {
      this.schemeEnd = at;
      this.authorityStart = at + 3;
      for (at += 3; at < end && bytes[at] !== SLASH && bytes[at] !== QUESTION; ) at++;
      this.authorityEnd = at;
      this.pathStart = at;
    } else if (this.#isConnect(bytes)) {
      this.authorityEnd = end;
      this.pathStart = end;
    }
  }

  #isConnect(bytes: Uint8Array): boolean {
    const at = this.methodStart;
    return this.methodEnd - at === 7 && bytes[at] === 0x43 && bytes[at + 6] === 0x54;
  }
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
