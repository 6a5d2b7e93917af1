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
  ingress: ConnectionState;
  readPosition: number;
  writePosition: number;
  /** A connection that was made for this request and has not carried it yet. */
  isFresh: boolean;
}

export class Segments implements OrderTier {
  readonly confidencePpm = 990_000;
  readonly isValidated = true;
  /** Key: tid. The ingress connection that the thread works on. */
  readonly #current = new Map<number, ConnectionState | null>();
  /** Upstream connections; weak, because they end with the connection's own state. */
  readonly #bindings = new WeakMap<ConnectionState, Binding>();
  /** Requests in progress without any egress, sent or connecting. */
  readonly #parked = new Set<LinkNode>();

  read(connection: ConnectionState, tid: number): void {
    const isClient = connection.connection.role === 'server';
    const works = isClient ? connection : (this.#bindings.get(connection)?.ingress ?? null);
    this.#current.set(tid, works);
  }

  opened(connection: ConnectionState, tid: number, isServer: boolean): void {
    const works = isServer ? null : this.#current.get(tid);
    if (isServer) this.#current.set(tid, null);
    if (works === null || works === undefined) return;
    this.#bind(connection, works, true);
    const node = inProgress(works, works.readNext, works.writeNext);
    if (node !== null) this.#parked.delete(node);
  }

  closed(connection: ConnectionState, tid: number): void {
    const binding = this.#bindings.get(connection);
    if (binding !== undefined) this.#current.set(tid, binding.ingress);
  }

  ingress(node: LinkNode): void {
    this.#parked.add(node);
  }

  predict(egress: LinkNode): LinkNode | null {
    const binding = this.#bindings.get(egress.connection);
    const works = this.#current.get(egress.tid) ?? null;
    let found: LinkNode | null = null;
    if (binding?.isFresh === true) {
      binding.isFresh = false;
      found = inProgress(binding.ingress, binding.readPosition, binding.writePosition);
    } else if (works !== null) {
      found = inProgress(works, works.readNext, works.writeNext);
    }
    if (found === null || this.#isUnsure(found, egress)) return null;
    return found;
  }

  linked(egress: LinkNode, ingress: LinkNode): void {
    this.#parked.delete(ingress);
    this.#bind(egress.connection, ingress.connection, false);
  }

  ended(ingress: LinkNode): void {
    this.#parked.delete(ingress);
  }

  compared(): void {}

  #bind(upstream: ConnectionState, ingress: ConnectionState, isFresh: boolean): void {
    const { readNext: readPosition, writeNext: writePosition } = ingress;
    this.#bindings.set(upstream, { ingress, readPosition, writePosition, isFresh });
  }

  #isUnsure(found: LinkNode, egress: LinkNode): boolean {
    if (found.openEgress > 0 || !haveSameTail(found, egress)) return true;
    for (const other of this.#parked)
      if (other !== found && other.exchange?.method === egress.exchange?.method) return true;
    return false;
  }
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
};
