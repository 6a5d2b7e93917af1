/** Request targets of an ingress and an egress: proxies replace what stands before the last part. */
import { requestLineBytes } from './headers.ts';
import type { LinkNode } from './node.ts';

/** Both targets end in the same last path segment and query. */
export function haveSameTail(ingress: LinkNode, egress: LinkNode): boolean {
  const from = tailOf(ingress);
  return from !== null && from === tailOf(egress);
}

function tailOf(node: LinkNode): string | null {
  const head = node.exchange?.request.bytes;
  if (head === undefined) return null;
  const line = head.toString('latin1', 0, requestLineBytes(head));
  const target = line.split(' ', 2)[1] ?? '';
  const query = target.indexOf('?');
  const pathEnd = query < 0 ? target.length : query;
  return target.slice(target.lastIndexOf('/', pathEnd) + 1);
}
