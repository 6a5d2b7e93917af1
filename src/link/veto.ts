/**
 * Content that contradicts a link: the egress request cannot be what the ingress request became.
 * Documented changes are no contradiction: subrequests choose their method and have no body, HEAD
 * may be fetched as GET, and an internal redirect of nginx (error_page, X-Accel-Redirect) turns any
 * method into GET. A Go program may send what it likes while it serves a request.
 *
 * Proxies are also configured to change requests (HAProxy: set-method; nginx: proxy_method,
 * proxy_set_body), which program state knows nothing of. So what refutes it is not a difference
 * alone but another request in progress without it: whoever caused an egress request is in progress
 * when it is sent.
 */
import { SLOT } from '../handoff/known-headers.ts';
import type { MessageHead } from '../protocol/types.ts';
import { findHeader } from './headers.ts';
import type { LinkNode } from './node.ts';
import { haveSameTail } from './targets.ts';

export type Difference = 'method' | 'length';

/** What of the egress request cannot come from this ingress request unchanged; null nothing. */
export function differenceOf(ingress: LinkNode, egress: LinkNode): Difference | null {
  const from = ingress.exchange;
  const to = egress.exchange;
  if (from === null || to === null || to.cause?.isSubrequest === true) return null;
  if (egress.owner.family === 'go' || to.cause?.kind === 'go') return null;
  if (from.method !== to.method)
    return to.method === 'GET' && mayBecomeGet(from.method, egress) ? null : 'method';
  return hasOtherLength(from.request.bytes, to.request.bytes, from.method) ? 'length' : null;
}

/** Some other request in progress, among `newest` and what is older, is like the egress. */
export function isLikeOther(ingress: LinkNode, egress: LinkNode, newest: LinkNode | null): boolean {
  let left = SEARCH_MAX;
  for (let node = newest; node !== null && left > 0; node = node.older, left--) {
    if (!node.isServer || node === ingress || node.hasEnded || node.owner !== egress.owner)
      continue;
    if (differenceOf(node, egress) === null && haveSameTail(node, egress)) return true;
  }
  return false;
}

function mayBecomeGet(method: string, egress: LinkNode): boolean {
  if (method === 'HEAD' || egress.owner.family === 'nginx') return true;
  return egress.exchange?.cause?.kind === 'nginx';
}

const CONTENT_LENGTH = Buffer.from('content-length');

/** Both say how long the body is and differ. Chunked on one side proves nothing. */
function hasOtherLength(from: Buffer, to: Buffer, method: string): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  const before = findHeader(from, CONTENT_LENGTH);
  const after = findHeader(to, CONTENT_LENGTH);
  return before !== null && after !== null && before !== after;
}

/** Identifiers of one request that proxies pass on. */
const IDENTIFIERS = [SLOT['x-request-id'], SLOT.traceparent] as const;
/** Exchanges looked at in one search. */
const SEARCH_MAX = 4096;

/**
 * The egress carries an identifier that its ingress did not come with and another request in
 * progress did. A proxy that replaces identifiers makes up new ones, so finding it elsewhere
 * refutes the link. Searches among `newest` and what is older: call it for samples only.
 */
export function pointsElsewhere(
  ingress: LinkNode,
  egress: LinkNode,
  newest: LinkNode | null,
): boolean {
  const from = ingress.exchange?.request;
  const to = egress.exchange?.request;
  if (from === undefined || to === undefined) return false;
  return IDENTIFIERS.some(
    (slot) =>
      to.known[2 * slot] >= 0 &&
      !isSameValue(from, to, slot) &&
      isCarriedByOther(ingress, to, slot, newest),
  );
}

function isCarriedByOther(
  ingress: LinkNode,
  to: MessageHead,
  slot: number,
  newest: LinkNode | null,
): boolean {
  let left = SEARCH_MAX;
  for (let node = newest; node !== null && left > 0; node = node.older, left--) {
    if (!node.isServer || node === ingress || node.owner !== ingress.owner) continue;
    if (node.exchange !== null && isSameValue(node.exchange.request, to, slot)) return true;
  }
  return false;
}

function isSameValue(a: MessageHead, b: MessageHead, slot: number): boolean {
  const start = a.known[2 * slot];
  const length = a.known[2 * slot + 1] - start;
  const other = b.known[2 * slot];
  if (start < 0 || other < 0 || length !== b.known[2 * slot + 1] - other) return false;
  return a.bytes.compare(b.bytes, other, other + length, start, start + length) === 0;
}
