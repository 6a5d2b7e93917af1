/**
 * The link stage: decides which ingress exchange caused each egress exchange, gives every exchange
 * its ids and hands hops on in batches. Time comes from events and from `tick` only.
 *
 * `open`, `data` and `process` are called before the protocol stage sees the same event, `close`
 * after it; `request`, `response`, `end` and `lost` are what the protocol stage makes of them.
 */
import type {
  CloseEvent,
  Connection,
  DataEvent,
  EventSink,
  ProcessEvent,
} from '../capture/types.ts';
import { limits } from '../config/limits.ts';
import type { Family } from '../discover/types.ts';
import { BatchWriter } from '../handoff/batch-writer.ts';
import type { ExchangeBatch, ObservedProcess } from '../handoff/layout.ts';
import { FLAG } from '../handoff/layout.ts';
import type { Exchange, ExchangeSink } from '../protocol/types.ts';
import type { Counters } from '../telemetry/counters.ts';
import { discardBodies } from './bodies.ts';
import type { ConnectionState } from './connections.ts';
import { Connections } from './connections.ts';
import { Decider } from './decider.ts';
import type { HopLimits } from './hops.ts';
import { Hops } from './hops.ts';
import { isTraceExport, isTraceRelay } from './native-tracing.ts';
import { LinkNode } from './node.ts';
import { Pairs } from './pairs.ts';
import type { ProcessState } from './processes.ts';
import { Processes } from './processes.ts';
import { ALL_SIGNALS, type LinkSettings } from './settings.ts';
import { parseTraceparent } from './traceparent.ts';

export interface LinkerOptions {
  readonly counters: Counters;
  /** Takes a batch; its buffers may be transferred. */
  readonly emit: (batch: ExchangeBatch) => void;
  /** Called before the first batch that names the process. */
  readonly announce: (process: ObservedProcess) => void;
  /** One sentence for the log. */
  readonly log?: (message: string) => void;
  /** The agent itself: its connections and their other ends leave no spans. */
  readonly ownTgid?: number;
  /** No request that comes in is captured: egress has no parent, and lacks none. */
  readonly isIngressExcluded?: boolean;
  /** The other end of one of the agent's connections was seen: its collector. */
  readonly ownPeer?: (connection: Connection) => void;
  readonly limits?: Partial<HopLimits & { readonly linkWaitMs: number }>;
  /** Signals that may link; all when left out. */
  readonly signals?: LinkSettings;
}

export class Linker implements ExchangeSink<LinkNode>, EventSink {
  readonly #counters: Counters;
  readonly #emit: (batch: ExchangeBatch) => void;
  readonly #log: (message: string) => void;
  readonly #ownTgid: number;
  readonly #writer = new BatchWriter();
  readonly #processes: Processes;
  readonly #connections: Connections;
  readonly #pairs: Pairs;
  readonly #decider: Decider;
  readonly #hops: Hops;
  readonly #linkWaitNs: number;
  readonly #readsTraceparent: boolean;

  constructor(options: LinkerOptions) {
    const bounds = { ...limits, ...options.limits };
    const { signals = ALL_SIGNALS } = options;
    this.#readsTraceparent = signals.traceparent;
    this.#counters = options.counters;
    this.#emit = options.emit;
    this.#log = options.log ?? (() => undefined);
    this.#ownTgid = options.ownTgid ?? -1;
    this.#linkWaitNs = bounds.linkWaitMs * 1e6;
    this.#processes = new Processes(options.announce);
    this.#pairs = new Pairs({
      counters: options.counters,
      ownPeer: options.ownPeer ?? (() => undefined),
      waitsForClients: bounds.lateClientMs > 0,
      isLinking: signals.tiers.includes('local'),
    });
    this.#connections = new Connections(this.#linkWaitNs, (state) => this.#pairs.leave(state));
    this.#hops = new Hops(this.#writer, this.#processes, options.counters, bounds, () =>
      this.#flushFull(),
    );
    this.#decider = new Decider({
      counters: options.counters,
      connections: this.#connections,
      hops: this.#hops,
      log: this.#log,
      signals,
    });
    this.#decider.isIngressExcluded = options.isIngressExcluded ?? false;
  }

  /** Exchanges that are held until their hop is whole. */
  get held(): number {
    return this.#hops.live;
  }

  /** Connections that are known: the open ones and those that closed a moment ago. */
  get connections(): number {
    return this.#connections.size;
  }

  setIngressExcluded(isIngressExcluded: boolean): void {
    this.#decider.isIngressExcluded = isIngressExcluded;
  }

  /** `hasProbes`: see ProcessState. */
  setFamily(tgid: number, family: Family, hasProbes = false): void {
    this.#processes.setFamily(tgid, family, hasProbes);
  }

  open(connection: Connection, _timeNs: number, tid: number): void {
    this.#decider.eventDone();
    const state = this.#connections.of(connection);
    if (connection.process.tgid === this.#ownTgid) state.isOwn = true;
    if (connection.role === 'unknown') return;
    const isServer = connection.role === 'server';
    const owner = this.#processes.of(connection.process);
    state.owner = owner;
    if (isServer) owner.serves = true;
    owner.order?.opened(state, tid, isServer);
    this.#pairs.join(state, isServer);
  }

  data(connection: Connection | undefined, event: DataEvent): void {
    this.#decider.eventDone();
    if (connection === undefined) return;
    const state = this.#connections.of(connection);
    state.seen(event.isWrite, event.position, event.position + event.lenBytes);
    if (!event.isWrite) state.owner?.order?.read(state, event.tid);
  }

  close(connection: Connection, event: CloseEvent): void {
    const state = this.#connections.get(connection.id);
    if (state !== undefined) state.owner?.order?.closed(state, event.tid);
    this.#connections.close(connection, event.timeNs);
  }

  process(event: ProcessEvent): void {
    if (event.action === 'exec') this.#processes.exec(event.tgid);
    else if (event.action === 'exit') this.#processes.exit(event.tgid);
  }

  request(exchange: Exchange<LinkNode>): void {
    const { connection } = exchange;
    const state = this.#connections.of(connection);
    const owner = this.#ownerOf(state, connection);
    const node = new LinkNode(exchange, owner, state);
    state.owner = owner;
    exchange.link = node;
    if (!state.isPairTried) this.#pairs.join(state, node.isServer);
    node.isOwn = state.isOwn;
    this.#readContext(node, exchange);
    state.push(node, exchange.requestHeadNs);
    this.#hops.add(node);
    if (node.isServer) this.#ingress(node, exchange, state);
    else this.#egress(node, exchange, state);
  }

  response(_exchange: Exchange<LinkNode>): void {}

  end(exchange: Exchange<LinkNode>): void {
    const node = exchange.link;
    if (node === null || node.hasEnded) return;
    node.hasEnded = true;
    node.endNs = exchange.endNs;
    if (isAnswerTo(exchange)) node.responseEnd = exchange.responseEndPosition;
    else node.connection.missed();
    if (node.isServer) this.#endIngress(node, exchange);
    else if (node.parent !== null) node.parent.openEgress--;
    if (node.isDecided) this.#judgeTracing(node, exchange);
    this.#hops.settle(node);
    if (node.stage === 'dropped') discardBodies(exchange);
  }

  lost(connection: Connection, _exchanges: number): void {
    this.#connections.of(connection).missed();
  }

  /** Called a few times a second: ends waiting that took too long. */
  tick(nowNs: number): void {
    this.#decider.tick(nowNs - this.#linkWaitNs);
    this.#connections.tick(nowNs);
    this.#hops.tick(nowNs);
  }

  /** Buffers of a batch that was handed on and read. */
  reuse(batch: ExchangeBatch): void {
    this.#writer.reuse(batch);
  }

  /** Hands on the rows written so far. */
  flush(): void {
    const batch = this.#writer.take();
    if (batch !== null) this.#emit(batch);
  }

  /** A batch that is full leaves without waiting for `flush`. */
  #flushFull(): void {
    if (this.#writer.isFull) this.flush();
  }

  /** The agent stops: every hop is handed on as far as it ended. */
  finish(): void {
    this.tick(Number.POSITIVE_INFINITY);
    this.#hops.finish();
    this.flush();
  }

  #ownerOf(state: ConnectionState, { process }: Connection): ProcessState {
    const { owner } = state;
    if (owner !== null && owner.identity === process && owner.isCurrent) return owner;
    return this.#processes.of(process);
  }

  #readContext(node: LinkNode, exchange: Exchange<LinkNode>): void {
    if (!this.#readsTraceparent) return;
    const parsed = parseTraceparent(exchange.request);
    if (parsed === 'absent') return;
    if (parsed === 'invalid') this.#counters.add('link.traceparent_invalid');
    else if (parsed === 'conflict') this.#counters.add('link.traceparent_conflict');
    else node.context = parsed;
  }

  #ingress(node: LinkNode, exchange: Exchange<LinkNode>, state: ConnectionState): void {
    node.owner.serves = true;
    state.seen(false, state.readNext, node.headEnd);
    if (isTraceRelay(exchange)) node.owner.relaysTraces = true;
    node.owner.order?.ingress(node);
    const { identifiers } = node.owner;
    if (identifiers?.isIdle === true) node.owner.identifiers = null;
    else identifiers?.add(node);
    this.#pairs.match(node);
    this.#decider.ingress(state.connection.id);
  }

  #endIngress(node: LinkNode, exchange: Exchange<LinkNode>): void {
    const { owner } = node;
    owner.order?.ended(node);
    owner.identifiers?.remove(exchange.request.bytes);
    node.lingers = mayWriteLate(node) || this.#decider.isAwaited(node.connection.connection.id);
  }

  #egress(node: LinkNode, exchange: Exchange<LinkNode>, state: ConnectionState): void {
    if (exchange.cause?.isSubrequest === true) node.flags |= FLAG.subrequest;
    this.#decider.egress(node);
    if (state.pair === null) return;
    const server = this.#pairs.match(node);
    if (server?.hasEnded === true) this.#hops.settle(server);
  }

  /** Case D of resolve.ts: a program that sends its own spans gets none from us. */
  #judgeTracing(node: LinkNode, exchange: Exchange<LinkNode>): void {
    const { owner } = node;
    if (owner.isNative || owner.relaysTraces || node.isOwn || node.parent !== null) return;
    if (!isTraceExport(exchange)) return;
    owner.isNative = true;
    const { tgid, comm } = owner.identity;
    this.#log(`${comm} (pid ${tgid}) exports spans of its own: spantap makes none for it`);
  }
}

/**
 * Go writes a request on another thread than the one that answers. That write is recorded at its
 * return, which may be after the answer; other programs write on the thread that goes on.
 */
function mayWriteLate(ingress: LinkNode): boolean {
  const { family, hasLinked } = ingress.owner;
  return family === 'go' && hasLinked && ingress.firstEgress === null;
}

/** After a loss a response may be taken for the answer to a request that came after it. */
function isAnswerTo({ responseStartNs, requestStartNs }: Exchange<LinkNode>): boolean {
  return responseStartNs >= requestStartNs;
}
