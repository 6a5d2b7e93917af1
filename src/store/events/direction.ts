/** Whether the other end of a connection is near: private, loopback, link-local or unspecified. */
import { BlockList, isIPv6 } from 'node:net';
import type { ConnectionReport } from '../../handoff/messages.ts';

export type Direction = 'ingress' | 'egress-internal' | 'egress-external';

const INTERNAL = new BlockList();
for (const [network, prefixBits] of [
  ['10.0.0.0', 8], // RFC 1918
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['0.0.0.0', 32],
] as const) {
  INTERNAL.addSubnet(network, prefixBits, 'ipv4');
}
for (const [network, prefixBits] of [
  ['::1', 128],
  ['::', 128],
  ['fc00::', 7], // RFC 4193
  ['fe80::', 10],
] as const) {
  INTERNAL.addSubnet(network, prefixBits, 'ipv6');
}

/** undefined: nobody knows which end the process is. A Unix socket leads nowhere else. */
export function directionOf({
  role,
  family,
  remoteAddress,
}: Pick<ConnectionReport, 'role' | 'family' | 'remoteAddress'>): Direction | undefined {
  if (role === 'server') return 'ingress';
  if (role === 'unknown') return undefined;
  return family === 'unix' || isInternal(remoteAddress) ? 'egress-internal' : 'egress-external';
}

function isInternal(address: string): boolean {
  return INTERNAL.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
