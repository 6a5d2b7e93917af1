/** Traffic settings by themselves: what holds where no configuration says anything else. */
import type { TrafficSettings } from './messages.ts';

/** Everything is captured; of each body at most so many bytes. */
export function allTraffic(bodyBytesMax: number): TrafficSettings {
  const bodies = { request: bodyBytesMax, response: bodyBytesMax };
  return {
    excluded: { ingress: false, egressInternal: false, egressExternal: false, loopback: false },
    bodyBytesMax: { ingress: bodies, egress: bodies },
    reportsConnections: false,
  };
}
