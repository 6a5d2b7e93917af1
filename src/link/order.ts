/**
 * Tier exact.order: links from the order of system calls, for families whose scheduling makes that
 * order a proof. Kept only for processes that need it: some egress came without program state, or
 * a window in which its predictions are compared with program state.
 *
 * nginx    a worker runs each event to its end: what it read last is what it works on (segments)
 * Apache   one thread serves one request at a time
 * Go       a handler that writes by itself does so on the goroutine that read the request
 * HAProxy  each thread runs streams in the order of their requests, mostly: used only after it
 *          agreed with program state
 */
import type { Family } from '../discover/types.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { ConnectionState } from './connections.ts';
import { ThreadFifo } from './fifo.ts';
import { LastReader } from './last-reader.ts';
import type { LinkNode } from './node.ts';
import { Segments } from './segments.ts';

export interface OrderTier {
  /** Below 1: what the order cannot see (timers, priorities) is bounded, not excluded. */
  readonly confidencePpm: number;
  /** Agreed with program state often enough, or needs no such proof. */
  readonly isValidated: boolean;
  /** A thread read bytes of a connection, or the end of its stream. */
  read(connection: ConnectionState, tid: number): void;
  /** A thread connected (or accepted) a socket. */
  opened(connection: ConnectionState, tid: number, isServer: boolean): void;
  closed(connection: ConnectionState, tid: number): void;
  ingress(node: LinkNode): void;
  /** The ingress that caused this egress; null when the order does not prove one. */
  predict(egress: LinkNode): LinkNode | null;
  /** The parent of `egress` was decided, by whichever tier. */
  linked(egress: LinkNode, ingress: LinkNode): void;
  ended(ingress: LinkNode): void;
  /** Program state named `isSame` ingress as this tier had predicted. */
  compared(isSame: boolean): void;
}

/** Null for families whose order proves nothing. */
export function orderOf(family: Family, counters: Counters): OrderTier | null {
  switch (family) {
    case 'nginx':
      return new Segments();
    case 'haproxy':
      return new ThreadFifo(counters);
    case 'apache':
      return new LastReader(counters, (node) => node.tid);
    case 'go':
      return new LastReader(counters, (node) => node.goroutine);
    case 'other':
      return null;
  }
}
