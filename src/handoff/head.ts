/**
 * Readers over the raw bytes of an HTTP/1 message head (start line to the empty line). Nothing is
 * materialised until it is asked for; values are latin1, as RFC 9110 5.5 lets octets through.
 */

const LF = 10;
const CR = 13;
const SP = 32;
const HT = 9;
const COLON = 58;

/** Index of the LF that ends the line at `at`, or the end of the head when it was cut short. */
function lineEnd(head: Buffer, at: number): number {
  const lf = head.indexOf(LF, at);
  return lf === -1 ? head.length : lf;
}

function latin1(head: Buffer, start: number, end: number): string {
  return head.toString('latin1', start, end);
}

/** Without the CR before a LF (RFC 9112 2.2 lets a single LF end a line too). */
function withoutCr(head: Buffer, start: number, end: number): number {
  return end > start && head[end - 1] === CR ? end - 1 : end;
}

/** Method of a request head, as sent: methods are case-sensitive (RFC 9110 9.1). */
export function methodOf(head: Buffer): string {
  const space = head.indexOf(SP);
  return space === -1 ? '' : latin1(head, 0, space);
}

/** Request target as sent: origin, absolute, authority or asterisk form (RFC 9112 3.2). */
export function targetOf(head: Buffer): string {
  const start = head.indexOf(SP) + 1;
  if (start === 0) return '';
  const end = withoutCr(head, start, lineEnd(head, 0));
  // The version is the last word; a cut request line has none.
  const version = head.lastIndexOf(' HTTP/', end - 1, 'latin1');
  return latin1(head, start, version >= start ? version : end);
}

/** Status code of a response head, 0 when it is not one. */
export function statusOf(head: Buffer): number {
  const space = head.indexOf(SP);
  if (space === -1) return 0;
  const status = Number.parseInt(latin1(head, space + 1, space + 4), 10);
  return status >= 100 && status <= 999 ? status : 0;
}

/** "1.0" or "1.1" of either start line; '' when the line was cut. */
export function versionOf(head: Buffer): string {
  const end = lineEnd(head, 0);
  const at = head.lastIndexOf('HTTP/', end - 1, 'latin1');
  return at === -1 || at > end ? '' : latin1(head, at + 5, at + 8);
}

/**
 * Field lines in order, names as sent, values without surrounding whitespace and with obs-fold
 * replaced by one space (RFC 9112 5.2). Lines without a colon are skipped.
 */
export function* headers(head: Buffer): Generator<[name: string, value: string]> {
  let at = lineEnd(head, 0) + 1;
  // Whitespace before the first field line: consumed without further processing (RFC 9112 2.2).
  while (head[at] === SP || head[at] === HT) at = lineEnd(head, at) + 1;
  while (at < head.length && head[at] !== CR && head[at] !== LF) {
    const end = fieldEnd(head, at);
    const colon = head.indexOf(COLON, at);
    if (colon > at && colon < end) {
      yield [latin1(head, at, colon), fieldValue(head, colon + 1, end)];
    }
    at = end + 1;
  }
}

/** First value of a field, by its name in lower case; undefined when absent. */
export function headerValue(head: Buffer, name: string): string | undefined {
  for (const [key, value] of headers(head)) {
    if (key.length === name.length && key.toLowerCase() === name) return value;
  }
  return undefined;
}

/** Value at [start, end) of a head, as known-headers slots name it; folds become one space. */
export function sliceValue(head: Buffer, start: number, end: number): string {
  return unfold(latin1(head, start, end));
}

/** Index of the LF that ends the field line at `at`, continuation lines included. */
function fieldEnd(head: Buffer, at: number): number {
  let end = lineEnd(head, at);
  while (head[end + 1] === SP || head[end + 1] === HT) end = lineEnd(head, end + 1);
  return end;
}

function fieldValue(head: Buffer, start: number, end: number): string {
  return unfold(latin1(head, start, end)).replace(/^[ \t]+|[ \t\r]+$/g, '');
}

function unfold(value: string): string {
  return value.includes('\n') ? value.replace(/[ \t]*\r?\n[ \t]+/g, ' ') : value;
}
