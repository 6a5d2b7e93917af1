/** The part of an ingress exchange that its egress exchanges do not cover: the proxy's own time. */
import type { LinkExchange, LinkNode } from './node.ts';

/** Nanoseconds; -1 when an egress is still open or bytes were lost. */
export function ownTimeNs(ingress: LinkNode, exchange: LinkExchange): number {
  if (exchange.hasLoss || ingress.hasForgottenEgress) return -1;
  const { startNs, endNs } = ingress;
  const first = ingress.firstEgress;
  if (first === null) return endNs - startNs;
  if (first.nextEgress !== null) return withoutMany(first, startNs, endNs);
  if (!isMeasured(first)) return -1;
  const covered = Math.min(first.endNs, endNs) - Math.max(first.startNs, startNs);
  return endNs - startNs - Math.max(covered, 0);
}

function withoutMany(first: LinkNode, startNs: number, endNs: number): number {
  const egress: LinkNode[] = [];
  for (let node: LinkNode | null = first; node !== null; node = node.nextEgress) {
    if (!isMeasured(node)) return -1;
    egress.push(node);
  }
  egress.sort((a, b) => a.startNs - b.startNs);
  let ownNs = 0;
  let coveredUntilNs = startNs;
  for (const node of egress) {
    ownNs += Math.max(Math.min(node.startNs, endNs) - coveredUntilNs, 0);
    coveredUntilNs = Math.max(coveredUntilNs, node.endNs);
  }
  return ownNs + Math.max(endNs - coveredUntilNs, 0);
}

function isMeasured(egress: LinkNode): boolean {
  return egress.hasEnded && egress.exchange?.hasLoss !== true;
}
