/** What the kernel side has to deliver, of what the configuration and its rules can ask for. */
import type { TapConfig } from './config/file/types.ts';
import type { TrafficSettings } from './handoff/messages.ts';
import type { Copies, MostCopied } from './rules/sets/most-copied.ts';

export interface TrafficWishes {
  readonly tap: Pick<TapConfig, 'direction' | 'ignoreLoopback' | 'auditIncludeDns'>;
  readonly copied: MostCopied;
  /** Of each body that anything looks at. */
  readonly bodyBytesMax: number;
  /** Some event store takes connections. */
  readonly reportsConnections: boolean;
}

export function trafficOf(wishes: TrafficWishes): TrafficSettings {
  const { tap, copied, bodyBytesMax, reportsConnections } = wishes;
  const bodies = ({ requestBody, responseBody }: Copies) => ({
    request: requestBody ? bodyBytesMax : 0,
    response: responseBody ? bodyBytesMax : 0,
  });
  return {
    excluded: excludedOf(tap),
    bodyBytesMax: { ingress: bodies(copied.ingress), egress: bodies(copied.egress) },
    reportsConnections,
    reportsDns: tap.auditIncludeDns,
  };
}

/** Connections that `tap` leaves out in the kernel. */
export function excludedOf({ direction, ignoreLoopback }: TrafficWishes['tap']) {
  return {
    ingress: direction.startsWith('egress'),
    egressInternal: direction === 'ingress' || direction === 'egress-external',
    egressExternal: direction === 'ingress' || direction === 'egress-internal',
    loopback: ignoreLoopback,
  };
}
