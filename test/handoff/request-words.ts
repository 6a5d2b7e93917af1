/** The words of a request line as text, for tests that compare them. */
import { RequestLine } from '../../src/handoff/request-line.ts';

function lineOf(head: Buffer): RequestLine {
  const line = new RequestLine();
  line.parse(head, 0, head.length);
  return line;
}

/** As sent: methods are case-sensitive (RFC 9110 9.1). */
export function methodOf(head: Buffer): string {
  const { methodStart, methodEnd } = lineOf(head);
  return head.toString('latin1', methodStart, methodEnd);
}

/** "1.0" or "1.1"; '' when the line was cut. */
export function versionOf(head: Buffer): string {
  const { versionStart, versionEnd } = lineOf(head);
  return head.toString('latin1', versionStart, versionEnd);
}
