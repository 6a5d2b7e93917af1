/** Traffic settings by themselves: what holds where no configuration says anything else. */
import { bodyLimitsOf } from './captured-body.ts';
import type { TrafficSettings } from './messages.ts';

/** Everything is captured; of each body at most so many bytes. */
export function allTraffic(bodyBytesMax: number): TrafficSettings {
  return {
    excluded: { ingress: false, egressInternal: false, egressExternal: false, loopback: false },
    bodyBytesMax: bodyLimitsOf(bodyBytesMax),
    reportsConnections: false,
    reportsDns: false,
  };
}
