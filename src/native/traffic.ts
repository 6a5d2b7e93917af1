/** Traffic settings as the addon takes them: the numbers of `struct traffic` in bpf/traffic.h. */
import type { TrafficSettings } from '../handoff/messages.ts';

/** Mirrors `enum traffic_class`. */
const CLASS = { ingress: 1, egressInternal: 2, egressExternal: 4, loopback: 8 } as const;

/**
 * Bytes copied after a direction turn by side, then the classes that are excluded, then whether
 * connections of other protocols are reported. Sides: unknown role, server, client; each reads,
 * then writes. While the role is not known every limit may be the one that counts.
 */
export function trafficNumbers(settings: TrafficSettings, headBytesMax: number): Uint32Array {
  const { ingress, egress } = settings.bodyBytesMax;
  const sides = [ingress.request, ingress.response, egress.response, egress.request];
  const largest = Math.max(...sides);
  const copies = [largest, largest, ...sides, 0, 0].map((bodyBytes) => headBytesMax + bodyBytes);
  return Uint32Array.of(...copies, excludedClasses(settings), Number(settings.reportsConnections));
}

function excludedClasses({ excluded }: TrafficSettings): number {
  const names = Object.keys(CLASS) as (keyof typeof CLASS)[];
  return names.reduce((sum, name) => sum + (excluded[name] ? CLASS[name] : 0), 0);
}
