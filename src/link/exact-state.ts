/**
 * Tier exact.state: the program's own memory named the ingress connection of an egress request, and
 * the kernel noted how many bytes had been read and written on it then. HTTP/1 answers in order, so
 * the exchange that caused it is the one whose request head had been read and whose response was not
 * complete. If that is not exactly one, or bytes that could have held another one are missing, the
 * answer is a reason and no link.
 */
import type { Cause } from '../protocol/types.ts';
import type { CounterName } from '../telemetry/counters.ts';
import type { ConnectionState } from './connections.ts';
import type { LinkNode } from './node.ts';

export type Found = LinkNode | CounterName;

/** The events up to the state were all seen. Without them the answer may change. */
export function hasSeenState(connection: ConnectionState, cause: Cause): boolean {
  return connection.readNext >= cause.readPosition && connection.writeNext >= cause.writePosition;
}

/** The ingress exchange of `connection` that was in progress at the state, or why it is unknown. */
export function ingressAtState(connection: ConnectionState, cause: Cause): Found {
  let found: LinkNode | null = null;
  let newest: LinkNode | null = null;
  let answered: LinkNode | null = null;
  for (let node = connection.newest; node !== null && answered === null; node = node.before) {
    if (node.headEnd > cause.readPosition) continue;
    newest ??= node;
    if (wasAnswered(node.responseEnd, cause)) answered = node;
    else if (found !== null) return 'unlinked.several';
    else found = node;
  }
  if (answered === null && isForgottenOpen(connection, cause)) return 'unlinked.forgotten';
  // Responses come in order: before an answered exchange everything was answered.
  const since = answered?.headStart ?? connection.forgottenStart;
  if (connection.gapEnd > since) return 'unlinked.gap';
  // After a loss, responses of pipelined requests may have been taken for one another's.
  const isExposed = connection.gapEnd >= 0;
  // Subrequests may start after the response (nginx: mirror, background cache update). The program
  // reads no next request while they run, so the newest one read is theirs.
  if (found === null)
    return cause.isSubrequest && !isExposed
      ? (newest ?? 'unlinked.no_ingress')
      : 'unlinked.no_ingress';
  const wasReadAhead = found.startNs < (answered?.endNs ?? connection.forgottenEndNs);
  // One between them was read as well and has no exchange.
  if (wasReadAhead && answered !== null && isBehind(answered, found)) return 'unlinked.several';
  // A subrequest may outlive the response before, and then belongs to that one.
  return wasReadAhead && (cause.isSubrequest || isExposed) ? 'unlinked.several' : found;
}

/**
 * Pipelined requests, which one read may have brought: nginx takes up the next request of a
 * connection when all of the response before is written (ngx_http_set_keepalive), and sends
 * upstream before it writes anything of this one's. So what was written ends with a response, and
 * the request is the next one, by its number: one that was read unseen would have taken that.
 */
export function firstInLine(connection: ConnectionState, cause: Cause): LinkNode | null {
  if (cause.kind !== 'nginx' || cause.isSubrequest) return null;
  if (connection.gapEnd >= 0 || connection.hasWriteGap) return null;
  let first: LinkNode | null = null;
  let node = connection.newest;
  for (; node !== null && !wasAnswered(node.responseEnd, cause); node = node.before)
    if (node.headEnd <= cause.readPosition) first = node;
  const isNext = first !== null && first.ordinal === (node === null ? 1 : node.ordinal + 1);
  const writtenEnd = node?.responseEnd ?? connection.connection.writePosition;
  return isNext && cause.writePosition === writtenEnd ? first : null;
}

function wasAnswered(responseEnd: number, cause: Cause): boolean {
  return responseEnd !== 0 && responseEnd <= cause.writePosition;
}

/** Both numbers are known and do not follow each other. */
function isBehind({ ordinal }: LinkNode, found: LinkNode): boolean {
  return ordinal !== 0 && found.ordinal > ordinal + 1;
}

function isForgottenOpen(connection: ConnectionState, cause: Cause): boolean {
  if (connection.forgottenStart < 0) return false;
  return !wasAnswered(connection.forgottenResponseEnd, cause);
}
