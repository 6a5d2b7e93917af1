/** Which way a connection leads, seen from the observed process. */
import type { ConnectionReport } from '../../handoff/messages.ts';

export type Direction = 'ingress' | 'egress-internal' | 'egress-external';

/**
 * undefined: nobody knows which end the process is. A Unix socket leads nowhere else; `isInternal`
 * says it of addresses.
 */
export function directionOf(
  report: Pick<ConnectionReport, 'role' | 'family' | 'remoteAddress'>,
  isInternal: (address: string) => boolean,
): Direction | undefined {
  const { role, family, remoteAddress } = report;
  if (role === 'server') return 'ingress';
  if (role === 'unknown') return undefined;
  return family === 'unix' || isInternal(remoteAddress) ? 'egress-internal' : 'egress-external';
}
