/**
 * http.request.resend_count of the egress of one ingress: a request that repeats the request line
 * of an earlier one that had failed before it started (no response, or a status of 400 and more).
 * Subrequests are requests of their own. An application that asks twice after a success repeats,
 * but does not resend.
 */
import { FLAG } from '../handoff/layout.ts';
import { requestLineBytes } from './headers.ts';
import type { Attempt, LinkExchange, LinkNode } from './node.ts';

export function countResends(ingress: LinkNode): void {
  const newest = new Map<string, LinkNode>();
  for (const node of attemptsOf(ingress)) {
    const { attempt } = node;
    if (attempt === null) continue;
    const earlier = newest.get(attempt.requestLine);
    if (earlier !== undefined && hadFailed(earlier, node))
      node.resendCount = earlier.resendCount + 1;
    newest.set(attempt.requestLine, node);
  }
}

/** Keeps what later attempts are compared with, for an egress that leaves before its ingress. */
export function rememberAttempt(egress: LinkNode): void {
  if (egress.exchange !== null) egress.attempt = attemptOf(egress.exchange);
}

function attemptsOf(ingress: LinkNode): LinkNode[] {
  const attempts: LinkNode[] = [];
  for (let node = ingress.firstEgress; node !== null; node = node.nextEgress) {
    if ((node.flags & FLAG.subrequest) !== 0) continue;
    rememberAttempt(node);
    if (node.attempt !== null) attempts.push(node);
  }
  return attempts.sort((a, b) => a.startNs - b.startNs);
}

/** The earlier attempt had failed when the later one started. */
function hadFailed({ attempt }: LinkNode, later: LinkNode): boolean {
  return attempt?.hasFailed === true && attempt.responseStartNs <= later.startNs;
}

function attemptOf(exchange: LinkExchange): Attempt {
  const { bytes } = exchange.request;
  const { end, status, responseStartNs } = exchange;
  return {
    requestLine: bytes.toString('latin1', 0, requestLineBytes(bytes)),
    responseStartNs,
    hasFailed: end !== null && (status === 0 || status >= 400 || end !== 'complete'),
  };
}
