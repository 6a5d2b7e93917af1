/**
 * Every counter of the agent: one name, one fact, one sentence. Three words for three facts:
 * `lost` (the kernel could not deliver), `dropped` (the agent decided), `truncated` (cut short).
 * `unlinked` counts egress without a parent; `info` explains, and is no loss.
 *
 * Counters are plain numbers in one Float64Array, so that adding costs nothing and a snapshot can
 * cross threads.
 */

export type Fact = 'lost' | 'dropped' | 'truncated' | 'unlinked' | 'info';

interface Definition {
  readonly fact: Fact;
  readonly help: string;
}

/** Sections in flow order; each stage adds to its own. */
export const DEFINITIONS = {
  // kernel (read from the per-CPU map, see enum event_counter)
  'kernel.events': { fact: 'info', help: 'records written to the ring' },
  'lost.ring_full': { fact: 'info', help: 'records that did not fit into the ring' },
  'lost.connection_map': { fact: 'info', help: 'calls on sockets that found the kernel map full' },
  'lost.cause_map': { fact: 'info', help: 'linking state that found its kernel map full' },
  'lost.policy_map': { fact: 'info', help: 'forked processes whose policy found its map full' },
  'truncated.fault': { fact: 'truncated', help: 'user buffers the kernel could not read' },
  'truncated.iovec': { fact: 'truncated', help: 'calls with more iovecs than are walked' },
  'kernel.skipped_not_http': { fact: 'info', help: 'connections whose first bytes are not HTTP' },
  'kernel.cause_taken': { fact: 'info', help: 'egress writes with program state' },
  'kernel.cause_refused': { fact: 'info', help: 'program state that failed its self-check' },
  // capture
  'capture.bytes': { fact: 'info', help: 'bytes drained from the ring' },
  // protocol
  'protocol.exchanges': { fact: 'info', help: 'exchanges that ended' },
  'lost.exchanges': { fact: 'lost', help: 'exchanges of which too much was lost to tell anything' },
  // link
  'link.hops': { fact: 'info', help: 'hops handed on' },
  // export
  'export.spans': { fact: 'info', help: 'spans accepted by the collector' },
} as const satisfies Record<string, Definition>;

export type CounterName = keyof typeof DEFINITIONS;

export const COUNTER_NAMES = Object.keys(DEFINITIONS) as CounterName[];

const INDEX = Object.fromEntries(COUNTER_NAMES.map((name, index) => [name, index])) as Record<
  CounterName,
  number
>;

export class Counters {
  readonly values = new Float64Array(COUNTER_NAMES.length);

  add(name: CounterName, amount = 1): void {
    this.values[INDEX[name]] = this.get(name) + amount;
  }

  set(name: CounterName, value: number): void {
    this.values[INDEX[name]] = value;
  }

  get(name: CounterName): number {
    return this.values[INDEX[name]] as number;
  }

  /** Sum of all counters of one fact. */
  total(fact: Fact): number {
    return COUNTER_NAMES.reduce(
      (sum, name) => (DEFINITIONS[name].fact === fact ? sum + this.get(name) : sum),
      0,
    );
  }
}
