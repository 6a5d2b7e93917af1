/**
 * Start lines of HTTP/1 messages, RFC 9112 sections 3 and 4: reading them where a message must
 * start, and telling whether bytes could be one where a message may start.
 */

const LF = 10;
const CR = 13;
const SP = 32;
const HT = 9;
const DOT = 46;

/** tchar of RFC 9110 5.6.2. */
const TOKEN = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789") TOKEN[character.charCodeAt(0)] = 1;
for (let code = 65; code <= 90; code++) TOKEN[code] = TOKEN[code + 32] = 1;

/** Longer method names are taken for something else. The IANA registry's longest has 17. */
const METHOD_BYTES_MAX = 32;
const VERSION = Uint8Array.from('HTTP/1.', (character) => character.charCodeAt(0));

function isVersion(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < 7; index++) if (bytes[at + index] !== VERSION[index]) return false;
  return isDigit(bytes[at + 7]);
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Index behind the last byte of a line that ends with the LF at `lf`, without trailing blanks. */
function trimmedEnd(bytes: Uint8Array, start: number, lf: number): number {
  let end = lf;
  while (end > start && (bytes[end - 1] === CR || bytes[end - 1] === SP)) end--;
  return end;
}

/** Length of the method at `start`, 0 when no method followed by a space is there. */
function methodBytes(bytes: Uint8Array, start: number, end: number): number {
  const stop = Math.min(end, start + METHOD_BYTES_MAX + 1);
  let at = start;
  while (at < stop && TOKEN[bytes[at]] === 1) at++;
  return at < stop && bytes[at] === SP ? at - start : 0;
}

/**
 * Method of the request line [start, lf), '' when it is none. Targets are not looked into: what a
 * server makes of a space in a target is its business (RFC 9112 3: respond 400), and it does.
 */
export function requestMethod(bytes: Uint8Array, start: number, lf: number): string {
  const length = methodBytes(bytes, start, lf);
  if (length === 0) return '';
  const end = trimmedEnd(bytes, start, lf);
  const version = end - 8;
  if (version < start + length + 3 || bytes[version - 1] !== SP) return '';
  return isVersion(bytes, version) ? internMethod(bytes, start, length) : '';
}

/** Method of a request line that was cut before its end, '' when it is not even that. */
export function cutRequestMethod(bytes: Uint8Array, start: number, end: number): string {
  const length = methodBytes(bytes, start, end);
  return length === 0 ? '' : internMethod(bytes, start, length);
}

/** Whether bytes that hold no whole line may begin a request line. */
export function couldBeRequest(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end && TOKEN[bytes[at]] === 1) at++;
  if (at - start > METHOD_BYTES_MAX) return false;
  return at === end || (at > start && bytes[at] === SP);
}

/** True for HTTP/1.0 in a request line that `requestMethod` accepted. */
export function isRequestHttp10(bytes: Uint8Array, start: number, lf: number): boolean {
  return bytes[trimmedEnd(bytes, start, lf) - 1] === 48;
}

/** "PRI * HTTP/2.0", the first line of the HTTP/2 connection preface (RFC 9113 3.4). */
export function isHttp2Preface(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start >= 14 && latin1(bytes, start, 14) === 'PRI * HTTP/2.0';
}

function latin1(bytes: Uint8Array, start: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}

/** The methods of RFC 9110 9.3 and 5789 come as constants: no string is made for them. */
function internMethod(bytes: Uint8Array, start: number, length: number): string {
  switch (bytes[start]) {
    case 71:
      if (isWord(bytes, start, length, 'GET')) return 'GET';
      break;
    case 80:
      if (isWord(bytes, start, length, 'POST')) return 'POST';
      if (isWord(bytes, start, length, 'PUT')) return 'PUT';
      if (isWord(bytes, start, length, 'PATCH')) return 'PATCH';
      break;
    case 72:
      if (isWord(bytes, start, length, 'HEAD')) return 'HEAD';
      break;
    case 68:
      if (isWord(bytes, start, length, 'DELETE')) return 'DELETE';
      break;
    case 79:
      if (isWord(bytes, start, length, 'OPTIONS')) return 'OPTIONS';
      break;
    case 67:
      if (isWord(bytes, start, length, 'CONNECT')) return 'CONNECT';
      break;
    case 84:
      if (isWord(bytes, start, length, 'TRACE')) return 'TRACE';
      break;
  }
  return latin1(bytes, start, length);
}

function isWord(bytes: Uint8Array, start: number, length: number, word: string): boolean {
  if (length !== word.length) return false;
  for (let index = 1; index < length; index++) {
    if (bytes[start + index] !== word.charCodeAt(index)) return false;
  }
  return true;
}

/** Status code of the status line [start, lf), 0 when it is none. The reason may be missing. */
export function responseStatus(bytes: Uint8Array, start: number, lf: number): number {
  const at = statusIndex(bytes, start, lf);
  if (at === -1 || lf - at < 3) return 0;
  const after = bytes[at + 3];
  if (!isBlank(after) && after !== CR && after !== LF) return 0;
  return statusDigits(bytes, at);
}

/**
 * Where the status code must stand, `end` when that is not reached; -1: no version and blank before
 * it. nginx, HAProxy and Go take any version and several blanks (RFC 9112 4: recipients may), so
 * the response is one.
 */
function statusIndex(bytes: Uint8Array, start: number, end: number): number {
  for (let index = 0; index < 5; index++) if (bytes[start + index] !== VERSION[index]) return -1;
  const isVersion = isDigit(bytes[start + 5]) && bytes[start + 6] === DOT;
  if (!isVersion || !isDigit(bytes[start + 7]) || !isBlank(bytes[start + 8])) return -1;
  let at = start + 9;
  while (at < end && isBlank(bytes[at])) at++;
  return at;
}

function isBlank(code: number): boolean {
  return code === SP || code === HT;
}

function statusDigits(bytes: Uint8Array, at: number): number {
  const a = bytes[at];
  const b = bytes[at + 1];
  const c = bytes[at + 2];
  if (!isDigit(a) || !isDigit(b) || !isDigit(c) || a === 48) return 0;
  return (a - 48) * 100 + (b - 48) * 10 + (c - 48);
}

/** True for HTTP/1.0 in a status line that `responseStatus` accepted. */
export function isResponseHttp10(bytes: Uint8Array, start: number): boolean {
  return bytes[start + 5] === 49 && bytes[start + 7] === 48;
}

/** `yes`: a whole start line is there; `prefix`: the bytes could be the beginning of one. */
export type Plausibility = 'yes' | 'prefix' | 'no';

/**
 * Whether a request starts at `start`: stricter than `requestMethod`, because a body may lie there.
 */
export function plausibleRequest(bytes: Uint8Array, start: number, end: number): Plausibility {
  let at = start;
  while (at < end && TOKEN[bytes[at]] === 1) at++;
  if (at - start > METHOD_BYTES_MAX) return 'no';
  if (at === end) return isUpperCase(bytes, start, end) ? 'prefix' : 'no';
  if (at === start || bytes[at] !== SP) return 'no';
  const target = ++at;
  while (at < end && bytes[at] > SP && bytes[at] !== 127) at++;
  if (at === end) return isUpperCase(bytes, start, target - 1) ? 'prefix' : 'no';
  if (at === target || bytes[at] !== SP) return 'no';
  return plausibleVersion(bytes, at + 1, end);
}

/** "HTTP/1.x" and the end of the line, or as much of it as there is. */
function plausibleVersion(bytes: Uint8Array, start: number, end: number): Plausibility {
  for (let index = 0; index < 7; index++) {
    if (start + index >= end) return 'prefix';
    if (bytes[start + index] !== VERSION[index]) return 'no';
  }
  if (start + 7 >= end) return 'prefix';
  if (!isDigit(bytes[start + 7])) return 'no';
  if (start + 8 >= end) return 'prefix';
  if (bytes[start + 8] === LF) return 'yes';
  if (bytes[start + 8] !== CR) return 'no';
  return start + 9 >= end ? 'prefix' : bytes[start + 9] === LF ? 'yes' : 'no';
}

function isUpperCase(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] < 65 || bytes[at] > 90) return false;
  return true;
}

/** True when the line starts with one of the nine standard methods: no tail of one is another. */
export function hasStandardMethod(bytes: Uint8Array, start: number, end: number): boolean {
  return /^(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH)$/.test(
    cutRequestMethod(bytes, start, end),
  );
}

/** Whether a response starts at `start`. `yes` needs the status code, not the whole line. */
export function plausibleResponse(bytes: Uint8Array, start: number, end: number): Plausibility {
  if (end - start < STATUS_LINE_BYTES_MIN) return isVersionPrefix(bytes, start, end);
  const at = statusIndex(bytes, start, end);
  if (at === -1) return 'no';
  if (end - at < 3) return 'prefix';
  return statusDigits(bytes, at) > 0 ? 'yes' : 'no';
}

/** "HTTP/1.1 200" */
const STATUS_LINE_BYTES_MIN = 12;

function isVersionPrefix(bytes: Uint8Array, start: number, end: number): Plausibility {
  const letters = Math.min(end - start, 5);
  for (let index = 0; index < letters; index++) {
    if (bytes[start + index] !== VERSION[index]) return 'no';
  }
  return 'prefix';
}

/** Status code of a status line whose bytes up to it are present, else 0. */
export function cutResponseStatus(bytes: Uint8Array, start: number, end: number): number {
  return plausibleResponse(bytes, start, end) === 'yes'
    ? statusDigits(bytes, statusIndex(bytes, start, end))
    : 0;
}

/** Empty lines may stand before a request line (RFC 9112 2.2). */
export function firstByte(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === CR || bytes[at] === LF)) at++;
  return at;
}
