/**
 * Order tier of nginx, "segment causality": a worker runs every event handler to its end, so what
 * a thread connects, closes or writes belongs to the request whose socket it read last.
 *
 *     read client        works on the request in progress there
 *     read upstream      works on the request that this upstream connection serves
 *     close upstream     the same (a timeout moves on to the next server)
 *     connect            the new connection serves the request worked on
 *     first request on a new connection: what it was connected for; on a reused one: worked on
 *
 * The kernel side may tell of a connection only when it carries its first bytes. Then the connect
 * was not seen, what the thread works on may be another request by now, and nothing is predicted.
 *
 * Timers break this (limit_req, cache locks): they run after the sockets with nothing read. A
 * request that waits for one has been read and has no egress; while such a request might be meant,
 * and while the request found already has an egress in progress, nothing is predicted.
 */
import type { Cause } from '../protocol/types.ts';
import type { ConnectionState } from './connections.ts';
import { ingressAtState } from './exact-state.ts';
import type { LinkNode } from './node.ts';
import type { OrderTier } from './order.ts';
import { haveSameTail } from './targets.ts';

interface Binding {
  /** The ingress connection that an upstream connection serves. */
  readonly ingress: ConnectionState;
  readonly readPosition: number;
  readonly writePosition: number;
  /** used: has carried a request. connected: not yet. unsure: its connect may not have been seen. */
  stage: 'unsure' | 'connected' | 'used';
}

interface Thread {
  /** The ingress connection that the thread works on. */
  works: ConnectionState | null;
  /** What it connected just now; null once it did something else. */
  connected: ConnectionState | null;
}

export class Segments implements OrderTier {
  readonly confidencePpm = 990_000;
  readonly isValidated = true;
  /** Key: tid. Workers have one thread each; ends with the tracker. */
  readonly #threads = new Map<number, Thread>();
  /** Upstream connections; weak, because they end with the connection's own state. */
  readonly #bindings = new WeakMap<ConnectionState, Binding>();
  /** Requests in progress without any egress, sent or connecting. */
  readonly #parked = new Set<LinkNode>();

  read(connection: ConnectionState, tid: number): void {
    const isClient = connection.connection.role === 'server';
    const works = isClient ? connection : (this.#bindings.get(connection)?.ingress ?? null);
    this.#turn(this.#threadOf(tid), works);
  }

  opened(connection: ConnectionState, tid: number, isServer: boolean): void {
    const thread = this.#threadOf(tid);
    if (isServer) this.#turn(thread, null);
    else if (thread.works !== null) {
      this.#bind(connection, thread.works, 'unsure');
      thread.connected = connection;
    }
  }

  closed(connection: ConnectionState, tid: number): void {
    const binding = this.#bindings.get(connection);
    if (binding !== undefined) this.#turn(this.#threadOf(tid), binding.ingress);
  }

  ingress(node: LinkNode): void {
    this.#parked.add(node);
  }

  predict(egress: LinkNode): LinkNode | null {
    const found = this.#expected(egress);
    return found === null || this.#isUnsure(found, egress) ? null : found;
  }

  linked(egress: LinkNode, ingress: LinkNode): void {
    this.#parked.delete(ingress);
    this.#bind(egress.connection, ingress.connection, 'used');
  }

  ended(ingress: LinkNode): void {
    this.#parked.delete(ingress);
  }

  compared(): void {}

  #expected(egress: LinkNode): LinkNode | null {
    const thread = this.#threadOf(egress.tid);
    thread.connected = null;
    const binding = this.#bindings.get(egress.connection);
    // The first request of a connection whose connect was not seen.
    if (binding === undefined ? egress.ordinal === 1 : binding.stage === 'unsure') return null;
    if (binding?.stage === 'connected') return boundTo(binding);
    const { works } = thread;
    return works === null ? null : inProgress(works, works.readNext, works.writeNext);
  }

  #threadOf(tid: number): Thread {
    let thread = this.#threads.get(tid);
    if (thread === undefined) {
      thread = { works: null, connected: null };
      this.#threads.set(tid, thread);
    }
    return thread;
  }

  #turn(thread: Thread, works: ConnectionState | null): void {
    const { connected } = thread;
    thread.works = works;
    thread.connected = null;
    if (connected !== null && !connected.hasWritten) this.#confirm(connected);
  }

  /** The thread went on without writing: this was the connect itself, its request has its egress. */
  #confirm(connected: ConnectionState): void {
    const binding = this.#bindings.get(connected);
    if (binding === undefined) return;
    binding.stage = 'connected';
    const node = boundTo(binding);
    if (node !== null) this.#parked.delete(node);
  }

  #bind(upstream: ConnectionState, ingress: ConnectionState, stage: Binding['stage']): void {
    const { readNext: readPosition, writeNext: writePosition } = ingress;
    this.#bindings.set(upstream, { ingress, readPosition, writePosition, stage });
  }

  #isUnsure(found: LinkNode, egress: LinkNode): boolean {
    if (found.openEgress > 0 || !haveSameTail(found, egress)) return true;
    for (const other of this.#parked)
      if (other !== found && other.exchange?.method === egress.exchange?.method) return true;
    return false;
  }
}

function boundTo({ ingress, readPosition, writePosition }: Binding): LinkNode | null {
  return inProgress(ingress, readPosition, writePosition);
}

/** The exchange in progress on `connection` at these positions, if it is exactly one. */
function inProgress(
  connection: ConnectionState,
  readPosition: number,
  writePosition: number,
): LinkNode | null {
  const found = ingressAtState(connection, { ...AT, readPosition, writePosition });
  return typeof found === 'string' ? null : found;
}

const AT: Cause = {
  kind: 'nginx',
  connectionId: 0,
  readPosition: 0,
  writePosition: 0,
  token: 0,
  isSubrequest: false,
  isAmbiguous: false,
  isNoIngress: false,
  isIngressExcluded: false,
};
