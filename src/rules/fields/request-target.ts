/**
 * The request line of a head, taken apart: RFC 9112 3. Offsets into the bytes of the batch; an empty
 * range (start = end) says that the part is not there.
 */
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const SLASH = 0x2f;
const COLON = 0x3a;
const QUESTION = 0x3f;
const AT_SIGN = 0x40;
const HASH = 0x23;

export class RequestTarget {
  methodStart = 0;
  methodEnd = 0;
  start = 0;
  end = 0;
  /** Of the absolute form, or the whole target of CONNECT; without user and password. */
  authorityStart = 0;
  authorityEnd = 0;
  pathStart = 0;
  pathEnd = 0;
  hasQuery = false;
  queryStart = 0;
  queryEnd = 0;
  versionStart = 0;
  versionEnd = 0;

  read(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end && bytes[at] !== SP && bytes[at] !== LF) at++;
    this.methodStart = start;
    this.methodEnd = at;
    if (bytes[at] === SP) at++;
    this.start = at;
    let lineEnd = at;
    while (lineEnd < end && bytes[lineEnd] !== LF) lineEnd++;
    if (lineEnd > at && bytes[lineEnd - 1] === CR) lineEnd--;
    this.#splitVersion(bytes, at, lineEnd);
    this.#splitTarget(bytes);
  }

  /** The version is the last word; a request line that was cut has none. */
  #splitVersion(bytes: Uint8Array, start: number, lineEnd: number): void {
    let space = lineEnd;
    while (space > start && bytes[space - 1] !== SP) space--;
    const hasVersion = space > start && lineEnd - space === 8 && bytes[space + 4] === SLASH;
    this.end = hasVersion ? space - 1 : lineEnd;
    this.versionStart = hasVersion ? space + 5 : lineEnd;
    this.versionEnd = lineEnd;
  }

  #splitTarget(bytes: Uint8Array): void {
    const { start, end } = this;
    this.authorityStart = this.authorityEnd = start;
    let at = start;
    if (bytes[at] !== SLASH) at = this.#splitAuthority(bytes);
    this.pathStart = at;
    while (at < end && bytes[at] !== QUESTION && bytes[at] !== HASH) at++;
    this.pathEnd = at;
    this.hasQuery = bytes[at] === QUESTION && at < end;
    this.queryStart = this.hasQuery ? at + 1 : at;
    for (at = this.queryStart; at < end && bytes[at] !== HASH; ) at++;
    this.queryEnd = this.hasQuery ? at : this.queryStart;
  }

  /** Returns where the path begins. `*` is a path (RFC 9112 3.2.4). */
  #splitAuthority(bytes: Uint8Array): number {
    const { start, end } = this;
    let at = start;
    while (at < end && bytes[at] !== COLON && bytes[at] !== SLASH && bytes[at] !== QUESTION) at++;
    const isAbsolute =
      bytes[at] === COLON && bytes[at + 1] === SLASH && bytes[at + 2] === SLASH && at + 2 < end;
    const isConnect = !isAbsolute && bytes[at] === COLON;
    if (!isAbsolute && !isConnect) return start;
    const from = isAbsolute ? at + 3 : start;
    let to = from;
    while (to < end && bytes[to] !== SLASH && bytes[to] !== QUESTION && bytes[to] !== HASH) to++;
    this.authorityStart = afterUser(bytes, from, to);
    this.authorityEnd = to;
    return to;
  }
}

function afterUser(bytes: Uint8Array, start: number, end: number): number {
  for (let at = end; at > start; at--) if (bytes[at - 1] === AT_SIGN) return at;
  return start;
}
