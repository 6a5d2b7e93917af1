/**
 * Content that contradicts a link: the egress request cannot be what the ingress request became.
 * Documented changes are no contradiction: subrequests choose their method and have no body, HEAD
 * may be fetched as GET, and an internal redirect of nginx (error_page, X-Accel-Redirect) turns any
 * method into GET. A Go program may send what it likes while it serves a request.
 */
import { findHeader } from './headers.ts';
import type { LinkNode } from './node.ts';

export function contradicts(ingress: LinkNode, egress: LinkNode, isSubrequest: boolean): boolean {
  const from = ingress.exchange;
  const to = egress.exchange;
  if (from === null || to === null) return false;
  if (isSubrequest || egress.owner.family === 'go' || to.cause?.kind === 'go') return false;
  if (from.method !== to.method) return to.method !== 'GET' || !mayBecomeGet(from.method, egress);
  return hasOtherLength(from.request.bytes, to.request.bytes, from.method);
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
