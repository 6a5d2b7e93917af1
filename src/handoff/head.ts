/**
 * Readers over the raw bytes of an HTTP/1 message head (start line to the empty line). Nothing is
 * materialised until it is asked for; values are latin1, as RFC 9110 5.5 lets octets through.
 */
import { HeadLines, unfold } from './head-lines.ts';
import { RequestLine } from './request-line.ts';

const LF = 10;
const SP = 32;

/** Index of the LF that ends the line at `at`, or the end of the head when it was cut short. */
function lineEnd(head: Buffer, at: number): number {
  const lf = head.indexOf(LF, at);
  return lf === -1 ? head.length : lf;
}

function latin1(head: Buffer, start: number, end: number): string {
  return head.toString('latin1', start, end);
}

/** Method of a request head, as sent: methods are case-sensitive (RFC 9110 9.1). */
export function methodOf(head: Buffer): string {
  const space = head.indexOf(SP);
  return space === -1 ? '' : latin1(head, 0, space);
}

/** Request target as sent: origin, absolute, authority or asterisk form (RFC 9112 3.2). */
export function targetOf(head: Buffer): string {
  const line = new RequestLine();
  line.parse(head, 0, head.length);
  return latin1(head, line.targetStart, line.targetEnd);
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
  const lines = linesOf(head);
  for (let line = 0; line < lines.count; line++) {
    const name = latin1(head, lines.nameStart(line), lines.nameEnd(line));
    yield [name, textOfLine(head, lines, line)];
  }
}

/** First value of a field, by its name in lower case; undefined when absent. */
export function headerValue(head: Buffer, name: string): string | undefined {
  const lines = linesOf(head);
  const line = lines.find(head, Buffer.from(name, 'latin1'), 0);
  return line < 0 ? undefined : textOfLine(head, lines, line);
}

function linesOf(head: Buffer): HeadLines {
  const lines = new HeadLines();
  lines.read(head, 0, head.length);
  return lines;
}

function textOfLine(head: Buffer, lines: HeadLines, line: number): string {
  return sliceValue(head, lines.valueStart(head, line), lines.valueEnd(head, line));
}

/** Value at [start, end) of a head, as known-headers slots name it; folds become one space. */
export function sliceValue(head: Buffer, start: number, end: number): string {
  return unfold(latin1(head, start, end));
}
