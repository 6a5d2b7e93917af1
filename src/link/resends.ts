/**
 * http.request.resend_count of the egress of one ingress: a request that repeats the request line
 * of an earlier one that had failed before it started (no response, or a status of 400 and more).
 * Subrequests are requests of their own. An application that asks twice after a success repeats,
 * but does not resend.
 */
import { FLAG } from '../handoff/layout.ts';
import { requestLineBytes } from './headers.ts';
import type { Attempt, LinkExchange, LinkNode } from './node.ts';

/** Of one ingress; more attempts than this are not counted on. */
const ATTEMPTS_MAX = 64;

export function countResends(ingress: LinkNode): void {
  const attempts = attemptsOf(ingress);
  for (let i = 1; i < attempts.length; i++) {
    const earlier = failedBefore(attempts, i);
    if (earlier !== null) attempts[i].resendCount = earlier.resendCount + 1;
  }
}

/** Keeps what later attempts are compared with, for an egress that leaves before its ingress. */
export function rememberAttempt(egress: LinkNode): void {
  if (egress.exchange !== null) egress.attempt = attemptOf(egress.exchange);
}

function attemptsOf(ingress: LinkNode): LinkNode[] {
  const attempts: LinkNode[] = [];
  for (let node = ingress.firstEgress; node !== null; node = node.nextEgress) {
    if (attempts.length === ATTEMPTS_MAX) break;
    if ((node.flags & FLAG.subrequest) !== 0) continue;
    rememberAttempt(node);
    if (node.attempt !== null) attempts.push(node);
  }
  return attempts.sort((a, b) => a.startNs - b.startNs);
}

/** The newest attempt of the same request, if it had failed when attempt `i` started. */
function failedBefore(attempts: readonly LinkNode[], i: number): LinkNode | null {
  const { attempt, startNs } = attempts[i];
  for (let j = i - 1; j >= 0; j--) {
    const earlier = attempts[j].attempt;
    if (earlier === null || earlier.requestLine !== attempt?.requestLine) continue;
    return earlier.hasFailed && earlier.responseStartNs <= startNs ? attempts[j] : null;
  }
  return null;
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
