/**
 * The link stage's state of one exchange: a node of the tree that becomes spans. Ingress nodes hold
 * the egress they caused; an ingress whose connection's other end is on this host points to the
 * client's node there. Ids are final once `isResolved`; until then they follow from the tree.
 *
 *     curl CLIENT <- local - nginx SERVER <- parent - nginx CLIENT <- local - api SERVER
 */
import type { SpanLink, SpanRow } from '../handoff/batch-writer.ts';
import type { Exchange } from '../protocol/types.ts';
import type { CounterName } from '../telemetry/counters.ts';
import type { ConnectionState } from './connections.ts';
import { randomWord, randomWordNotZero } from './ids.ts';
import type { ProcessState } from './processes.ts';
import type { TraceContext } from './traceparent.ts';

/** U32.tier by name, in the order of handoff's TIERS. */
export const TIER = {
  none: 0,
  state: 1,
  order: 2,
  identifier: 3,
  local: 5,
  traceparent: 6,
} as const;

export const CERTAIN_PPM = 1_000_000;

export type LinkExchange = Exchange<LinkNode>;

/**
 * live: held here. emitted: in a batch, kept for late egress and for finding causes on its
 * connection. dropped: a limit was reached; it leaves no span.
 */
export type NodeStage = 'live' | 'emitted' | 'dropped';

/** A sent request, as far as resending is concerned. */
export interface Attempt {
  readonly requestLine: string;
  readonly responseStartNs: number;
  readonly hasFailed: boolean;
}

/** Egress of one ingress that are remembered after they were emitted. */
const EMITTED_EGRESS_MAX = 16;

export class LinkNode implements SpanRow {
  /** Null once emitted or dropped, so that heads are not kept. */
  exchange: LinkExchange | null;
  readonly owner: ProcessState;
  readonly connection: ConnectionState;
  readonly isServer: boolean;
  /** Copies of what is needed after emission, and of what is read often. */
  readonly ordinal: number;
  readonly headStart: number;
  readonly headEnd: number;
  readonly tid: number;
  readonly goroutine: number;
  readonly startNs: number;
  /** Position after the last response byte; 0 unknown. */
  responseEnd = 0;
  hasEnded = false;
  endNs = 0;
  stage: NodeStage = 'live';

  /** Egress: the ingress that caused it. */
  parent: LinkNode | null = null;
  /** Ingress: the CLIENT node at the other end of the connection. */
  local: LinkNode | null = null;
  /** Ingress: the other end is watched and its exchange was not seen yet. */
  awaitsLocal = false;
  /** Ingress, the first of its connection: the other end may be on this host, recorded late. */
  awaitsClient = false;
  /** Egress: whether the parent is decided; true for ingress. */
  isDecided: boolean;
  /** Egress: since when it waits for the ingress that its program state names. */
  pendingSinceNs = 0;
  /** Egress: an ingress has it as `local`. */
  isPaired = false;
  /** Egress: the process that read it, on this host. */
  peer: ProcessState | null = null;
  /** Egress, once emitted: print of its head, for a server that reads it later. */
  headPrint = 0;
  /** Context in this request's traceparent. */
  context: TraceContext | null = null;
  /** Ingress: context of its first egress that carries one. */
  egressContext: TraceContext | null = null;

  /** Egress of this ingress, in the order in which they were linked. */
  firstEgress: LinkNode | null = null;
  lastEgress: LinkNode | null = null;
  nextEgress: LinkNode | null = null;
  openEgress = 0;
  egressCount = 0;
  /** Ingress: an egress of it may still be recorded; it is not handed on at its end. */
  lingers = false;
  /** Some egress is no longer in the list: the proxy's own time cannot be told. */
  hasForgottenEgress = false;
  /** Egress: what later attempts are compared with; made when there are or may be some. */
  attempt: Attempt | null = null;

  /** The agent's own traffic and what it caused: leaves no span. */
  isOwn = false;
  /** Its process exports spans of its own (case D of resolve.ts): leaves no span. */
  readonly isNative: boolean;
  isResolved = false;

  process = 0;
  peerProcess = 0;
  flags = 0;
  tier: number = TIER.none;
  confidencePpm = 0;
  resendCount = 0;
  hop = 0;
  traceFlags = 0;
  trace0 = 0;
  trace1 = 0;
  trace2 = 0;
  trace3 = 0;
  span0 = randomWord();
  span1 = randomWordNotZero();
  parent0 = 0;
  parent1 = 0;
  link: SpanLink | null = null;
  ownNs = -1;
  /** Why this egress has no parent; counted when it is emitted. */
  reason: CounterName | null = null;

  /** Neighbours on its connection, while remembered there. */
  before: LinkNode | null = null;
  after: LinkNode | null = null;
  /** Neighbours in the list of live nodes, oldest first. */
  older: LinkNode | null = null;
  newer: LinkNode | null = null;

  constructor(exchange: LinkExchange, owner: ProcessState, connection: ConnectionState) {
    this.exchange = exchange;
    this.owner = owner;
    this.connection = connection;
    this.isServer = exchange.role === 'server';
    this.isDecided = this.isServer;
    this.isNative = owner.isNative;
    this.ordinal = exchange.ordinal;
    this.headStart = exchange.requestStartPosition;
    this.headEnd = exchange.requestHeadEndPosition;
    this.startNs = exchange.requestStartNs;
    this.tid = exchange.tid;
    this.goroutine = exchange.goroutine;
  }

  /** `egress` was caused by this ingress. */
  adopt(egress: LinkNode): void {
    egress.parent = this;
    if (this.lastEgress === null) this.firstEgress = egress;
    else this.lastEgress.nextEgress = egress;
    this.lastEgress = egress;
    this.egressCount++;
    if (!egress.hasEnded) this.openEgress++;
    this.lingers = false;
    this.egressContext ??= egress.context;
    if (this.egressCount > EMITTED_EGRESS_MAX) this.#forgetEmitted();
  }

  /** An ingress that goes on for hours keeps only its newest egress. */
  #forgetEmitted(): void {
    while (this.egressCount > EMITTED_EGRESS_MAX && this.firstEgress?.stage !== 'live') {
      this.firstEgress = this.firstEgress?.nextEgress ?? null;
      this.hasForgottenEgress = true;
      this.egressCount--;
    }
  }
}
