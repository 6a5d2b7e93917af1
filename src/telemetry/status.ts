/**
 * What the agent says of itself once a minute and at its end, so that nobody needs a collector to
 * see whether everything arrived: spans, and what is missing or incomplete, by reason.
 */
import {
  COUNTER_NAMES,
  type CounterName,
  type Counters,
  DEFINITIONS,
  type Fact,
} from './counters.ts';

const FACTS: readonly Fact[] = ['lost', 'dropped', 'truncated', 'unlinked'];

/** Records that the kernel could not hand over; what they cost in exchanges is `lost`. */
const LOST_EVENTS: readonly CounterName[] = ['lost.ring_full', 'lost.connection_map'];

/**
 * `12345 spans, 0 lost, 2 dropped (export_queue 2), 0 truncated, 0 unlinked`; after the spans, where
 * there are some, those that wait on disk: neither exported nor dropped.
 */
export function formatStatus(counters: Counters): string {
  const parts = FACTS.map((fact) => `${counters.total(fact)} ${fact}${reasonsOf(counters, fact)}`);
  const lostEvents = LOST_EVENTS.reduce((sum, name) => sum + counters.get(name), 0);
  if (lostEvents > 0) parts.push(`${lostEvents} kernel events lost`);
  return [`${counters.get('export.spans')} spans`, ...spooled(counters), ...parts].join(', ');
}

function spooled(counters: Counters): string[] {
  const found = counters.get('export.spool_found');
  const waiting = counters.get('export.spooled') - counters.get('export.unspooled');
  if (found + waiting === 0) return [];
  const earlier = found === 0 ? '' : ` (${found} found there at the start)`;
  return [`${waiting} waiting in the spool${earlier}`];
}

export function formatSummary(counters: Counters): string {
  return `in all: ${formatStatus(counters)}`;
}

/** Largest first; the fact itself is not repeated. */
function reasonsOf(counters: Counters, fact: Fact): string {
  const reasons = COUNTER_NAMES.filter(
    (name) => DEFINITIONS[name].fact === fact && counters.get(name) > 0,
  )
    .toSorted((a, b) => counters.get(b) - counters.get(a))
    .map((name) => `${name.slice(name.indexOf('.') + 1)} ${counters.get(name)}`);
  return reasons.length === 0 ? '' : ` (${reasons.join(', ')})`;
}
