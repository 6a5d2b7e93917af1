/**
 * Holds exchanges until their hop is whole, then hands its rows on together, ingress first. What
 * cannot be whole in time is handed on in parts: the ids are known, so a late row still finds its
 * parent. Beyond the limit the oldest goes: as it is when it ended, dropped and counted otherwise.
 */
import type { BatchWriter } from '../handoff/batch-writer.ts';
import { FLAG } from '../handoff/layout.ts';
import type { CounterName, Counters } from '../telemetry/counters.ts';
import { discardBodies } from './bodies.ts';
import type { LinkExchange, LinkNode } from './node.ts';
import { TIER } from './node.ts';
import { ownTimeNs } from './own-time.ts';
import { printOf } from './pairs.ts';
import type { Processes } from './processes.ts';
import { countResends, rememberAttempt } from './resends.ts';
import { resolve } from './resolve.ts';

export interface HopLimits {
  readonly openExchangesMax: number;
  /** How long an ended ingress waits for its egress and for what is above it. */
  readonly hopWaitMs: number;
  /** How long an ended egress waits for its ingress to end (streams, tunnels). */
  readonly egressWaitMs: number;
  /** How long an ended ingress waits for egress whose write may be recorded late. */
  readonly lateEgressMs: number;
  /** How long the first exchange of a connection waits for its client's record; 0 not at all. */
  readonly lateClientMs: number;
}

const TIER_COUNTERS: Readonly<Record<number, CounterName>> = {
  [TIER.state]: 'link.exact_state',
  [TIER.order]: 'link.exact_order',
  [TIER.identifier]: 'link.identifier',
  [TIER.local]: 'link.local',
  [TIER.traceparent]: 'link.traceparent',
};

export class Hops {
  readonly #writer: BatchWriter;
  readonly #processes: Processes;
  readonly #counters: Counters;
  readonly #limits: HopLimits;
  /** Called when the rows of a hop are written. */
  readonly #emitted: () => void;
  #oldest: LinkNode | null = null;
  #newest: LinkNode | null = null;
  #live = 0;
  #lastHop = 0;

  constructor(
    writer: BatchWriter,
    processes: Processes,
    counters: Counters,
    limits: HopLimits,
    emitted: () => void,
  ) {
    this.#emitted = emitted;
    this.#writer = writer;
    this.#processes = processes;
    this.#counters = counters;
    this.#limits = limits;
  }

  /** Exchanges that are held. */
  get live(): number {
    return this.#live;
  }

  /** The end of the list of held exchanges, to be followed by `older`. */
  get newest(): LinkNode | null {
    return this.#newest;
  }

  add(node: LinkNode): void {
    node.older = this.#newest;
    if (this.#newest === null) this.#oldest = node;
    else this.#newest.newer = node;
    this.#newest = node;
    this.#live++;
    if (this.#live > this.#limits.openExchangesMax) this.#evict();
  }

  /** Hands on the hop that `node` belongs to, if it is whole. */
  settle(node: LinkNode): void {
    const head = node.parent ?? node;
    if (head.stage === 'dropped') this.#drop(node);
    else if (head.stage === 'emitted') this.#settleLate(node);
    else if (isWhole(head) && this.#canResolve(head, false)) this.#emit(head);
  }

  /** Hands on what has waited long enough. */
  tick(nowNs: number): void {
    const due: LinkNode[] = [];
    const lateNs = nowNs - this.#limits.lateClientMs * 1e6;
    for (let node = this.#oldest; node !== null; node = node.newer) {
      if (node.startNs < lateNs) node.awaitsClient = false;
      if (node.hasEnded) due.push(node);
    }
    for (const node of due) if (node.stage === 'live') this.#tickNode(node, nowNs);
  }

  /** Everything that ended is handed on; the rest is dropped. */
  finish(): void {
    this.tick(Number.POSITIVE_INFINITY);
    while (this.#oldest !== null) this.#drop(this.#oldest);
  }

  #tickNode(node: LinkNode, nowNs: number): void {
    const waitedMs = (nowNs - node.endNs) / 1e6;
    const head = node.parent ?? node;
    const isHead = head === node;
    if (waitedMs > this.#limits.lateEgressMs) node.lingers = false;
    if (waitedMs > (isHead ? this.#limits.hopWaitMs : this.#limits.egressWaitMs))
      this.#giveUp(node);
    else if (isHead || head.stage !== 'live') this.settle(node);
  }

  /** The hop as far as it ended; an egress whose ingress goes on is handed on alone. */
  #giveUp(node: LinkNode): void {
    const head = node.parent ?? node;
    if (head.stage === 'dropped') this.#drop(node);
    else {
      const first = head.stage === 'live' && head.hasEnded ? head : node;
      this.#canResolve(first, true);
      this.#emit(first);
    }
  }

  #settleLate(node: LinkNode): void {
    if (node.stage !== 'live' || !node.hasEnded || !this.#canResolve(node, false)) return;
    this.#counters.add('link.late');
    this.#emit(node);
  }

  /** Makes the ids of the head and of what ended in its hop final; false while that must wait. */
  #canResolve(head: LinkNode, isForced: boolean): boolean {
    if (!resolve(head, isForced)) return false;
    for (let egress = head.firstEgress; egress !== null; egress = egress.nextEgress)
      if (egress.hasEnded) resolve(egress, true);
    return true;
  }

  /** Writes a head and its ended egress, or one egress that leaves alone. */
  #emit(first: LinkNode): void {
    if (first.parent !== null) {
      rememberAttempt(first);
      countResends(first.parent);
    } else {
      this.#counters.add('link.hops');
      if (first.firstEgress !== first.lastEgress) countResends(first);
    }
    this.#write(first);
    for (let egress = first.firstEgress; egress !== null; egress = egress.nextEgress)
      if (egress.hasEnded && egress.stage === 'live') this.#write(egress);
    this.#emitted();
  }

  #write(node: LinkNode): void {
    const { exchange } = node;
    if (exchange === null) return;
    if (!node.isDecided) giveUpParent(node);
    if (node.isOwn || node.connection.isOwn) this.#leaveOut(exchange, 'link.own_traffic');
    else if (node.isNative) this.#leaveOut(exchange, 'dropped.native_tracing');
    else {
      node.process = this.#processes.indexOf(node.owner);
      if (node.peer !== null) node.peerProcess = 1 + this.#processes.indexOf(node.peer);
      node.hop = this.#hopOf(node);
      if (node.isServer) node.ownNs = ownTimeNs(node, exchange);
      this.#count(node);
      this.#writer.add(exchange, node);
    }
    if (mayBeReadLater(node)) node.headPrint = printOf(exchange);
    this.#release(node, 'emitted');
  }

  #leaveOut(exchange: LinkExchange, counter: CounterName): void {
    this.#counters.add(counter);
    discardBodies(exchange);
  }

  #hopOf(node: LinkNode): number {
    const head = node.parent ?? node;
    if (head.hop === 0) {
      this.#lastHop = (this.#lastHop + 1) >>> 0 || 1;
      head.hop = this.#lastHop;
    }
    return head.hop;
  }

  #count(node: LinkNode): void {
    const counter = TIER_COUNTERS[node.tier];
    if (counter !== undefined) this.#counters.add(counter);
    if (node.reason !== null) this.#counters.add(node.reason);
    if ((node.flags & FLAG.subrequest) !== 0) this.#counters.add('link.subrequest');
  }

  #release(node: LinkNode, stage: 'emitted' | 'dropped'): void {
    if (node.older === null) this.#oldest = node.newer;
    else node.older.newer = node.newer;
    if (node.newer === null) this.#newest = node.older;
    else node.newer.older = node.older;
    node.older = null;
    node.newer = null;
    node.stage = stage;
    node.exchange = null;
    this.#live--;
  }

  #evict(): void {
    const node = this.#oldest;
    if (node === null) return;
    const head = node.parent !== null && node.parent.stage === 'live' ? node.parent : node;
    if (head.hasEnded) this.#giveUp(head);
    else this.#dropHop(head);
  }

  /** A hop is never torn: without its ingress its egress goes too. */
  #dropHop(head: LinkNode): void {
    this.#drop(head);
    for (let egress = head.firstEgress; egress !== null; egress = egress.nextEgress)
      this.#drop(egress);
  }

  #drop(node: LinkNode): void {
    if (node.stage !== 'live') return;
    this.#counters.add('dropped.exchanges');
    if (node.exchange !== null) discardBodies(node.exchange);
    this.#release(node, 'dropped');
  }
}

/** A client whose other end on this host may still read its request, or did so unseen. */
function mayBeReadLater(node: LinkNode): boolean {
  const { pair } = node.connection;
  if (node.isServer || pair === null || node.isPaired) return false;
  return pair.server !== null || node.exchange?.end !== 'complete';
}

/** It is handed on before the ingress that its program state names was seen. */
function giveUpParent(egress: LinkNode): void {
  egress.isDecided = true;
  egress.flags |= FLAG.unlinked;
  egress.reason = 'unlinked.unseen';
}

function isWhole(head: LinkNode): boolean {
  return head.hasEnded && head.openEgress === 0 && !head.lingers;
}
