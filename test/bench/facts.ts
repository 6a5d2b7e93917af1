/** Sums the agent's exit summary by fact: lost, dropped, truncated, unlinked. */
import { COUNTER_NAMES, DEFINITIONS, type Fact } from '../../src/telemetry/counters.ts';
import type { Summary } from './agent.ts';

export function total(summary: Summary, fact: Fact): number {
  return COUNTER_NAMES.reduce(
    (sum, name) => (DEFINITIONS[name].fact === fact ? sum + (summary[name] ?? 0) : sum),
    0,
  );
}

/** Records that the kernel could not hand over; what they cost in exchanges is `lost`. */
export function lostEvents(summary: Summary): number {
  return (summary['lost.ring_full'] ?? 0) + (summary['lost.connection_map'] ?? 0);
}

/** All counters that say that something is missing, for a reader who wonders. */
export function nonZero(summary: Summary): Record<string, number> {
  return Object.fromEntries(Object.entries(summary).filter(([, value]) => value !== 0));
}
