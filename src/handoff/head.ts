/**
 * Target and field lines of a raw HTTP/1 message head (start line to the empty line) as text: latin1,
 * as RFC 9110 5.5 lets octets through.
 */
import { HeadLines, unfold } from './head-lines.ts';
import { RequestLine } from './request-line.ts';

/** Request target as sent: origin, absolute, authority or asterisk form (RFC 9112 3.2). */
export function targetOf(head: Buffer): string {
  const line = new RequestLine();
  line.parse(head, 0, head.length);
  return latin1(head, line.targetStart, line.targetEnd);
}

function latin1(head: Buffer, start: number, end: number): string {
  return head.toString('latin1', start, end);
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
