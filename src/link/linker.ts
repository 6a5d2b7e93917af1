/**
 * The link stage: decides which ingress exchange caused each egress exchange, gives every exchange
 * its ids and hands hops on in batches. Time comes from events and from `tick` only.
 *
 * `data`, `open`, `close` and `process` are called before the protocol stage sees the same event;
 * `request`, `response`, `end` and `lost` are what the protocol stage makes of it.
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
import type { CounterName, Counters } from '../telemetry/counters.ts';
import type { ConnectionState } from './connections.ts';
import { Connections } from './connections.ts';
import { hasSeenState, ingressAtState } from './exact-state.ts';
import type { HopLimits } from './hops.ts';
import { Hops } from './hops.ts';
import { isTraceExport, isTraceRelay } from './native-tracing.ts';
import { CERTAIN_PPM, LinkNode, TIER } from './node.ts';
import { Pairs } from './pairs.ts';
import { Pending } from './pending.ts';
import { Processes } from './processes.ts';
import { parseTraceparent } from './traceparent.ts';
import { contradicts } from './veto.ts';

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
  /** The other end of one of the agent's connections was seen: its collector. */
  readonly ownPeer?: (connection: Connection) => void;
  readonly limits?: Partial<HopLimits & { readonly linkWaitMs: number }>;
}

/** Rows after which a batch leaves without waiting for `flush`. */
const BATCH_ROWS = 512;

export class Linker implements ExchangeSink<LinkNode>, EventSink {
  readonly #counters: Counters;
  readonly #emit: (batch: ExchangeBatch) => void;
  readonly #log: (message: string) => void;
  readonly #ownTgid: number;
  readonly #writer = new BatchWriter();
  readonly #processes: Processes;
  readonly #connections: Connections;
  readonly #pairs: Pairs;
  readonly #pending: Pending;
  readonly #hops: Hops;
  readonly #linkWaitNs: number;

  constructor(options: LinkerOptions) {
    const bounds = { ...limits, ...options.limits };
    this.#counters = options.counters;
    this.#emit = options.emit;
    this.#log = options.log ?? (() => undefined);
    this.#ownTgid = options.ownTgid ?? -1;
    this.#linkWaitNs = bounds.linkWaitMs * 1e6;
    this.#processes = new Processes(options.announce);
    this.#pairs = new Pairs(options.counters, options.ownPeer ?? (() => undefined));
    this.#connections = new Connections(this.#linkWaitNs, (state) => this.#pairs.leave(state));
    this.#pending = new Pending();
    this.#hops = new Hops(this.#writer, this.#processes, options.counters, bounds);
  }

  /** Exchanges that are held until their hop is whole. */
  get held(): number {
    return this.#hops.live;
  }

  setFamily(tgid: number, family: Family): void {
    this.#processes.setFamily(tgid, family);
  }

  open(connection: Connection, _timeNs: number): void {
    const state = this.#connections.of(connection);
    if (connection.process.tgid === this.#ownTgid) state.isOwn = true;
    if (connection.role === 'unknown') return;
    if (connection.role === 'server') this.#processes.of(connection.process).serves = true;
    this.#pairs.join(state, connection.role === 'server');
  }

  data(connection: Connection | undefined, event: DataEvent): void {
    if (connection === undefined) return;
    const state = this.#connections.of(connection);
    state.seen(event.isWrite, event.position, event.position + event.lenBytes);
  }

  close(connection: Connection, event: CloseEvent): void {
    this.#connections.close(connection, event.timeNs);
  }

  process(event: ProcessEvent): void {
    if (event.action === 'exec') this.#processes.exec(event.tgid);
    else if (event.action === 'exit') this.#processes.exit(event.tgid);
  }

  request(exchange: Exchange<LinkNode>): void {
    const { connection } = exchange;
    const state = this.#connections.of(connection);
    const owner = this.#processes.of(connection.process);
    const node = new LinkNode(exchange, owner, state);
    exchange.link = node;
    if (!state.isPairTried) this.#pairs.join(state, node.isServer);
    node.isOwn = state.isOwn;
    this.#readContext(node, exchange);
    state.push(node);
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
    node.responseEnd = exchange.responseEndPosition;
    if (node.parent !== null) node.parent.openEgress--;
    if (node.isDecided) this.#judgeTracing(node, exchange);
    this.#hops.settle(node);
    if (this.#writer.count >= BATCH_ROWS) this.flush();
  }

  lost(connection: Connection, _exchanges: number): void {
    this.#connections.of(connection).missed();
  }

  /** Called a few times a second: ends waiting that took too long. */
  tick(nowNs: number): void {
    for (const egress of this.#pending.takeOlderThan(nowNs - this.#linkWaitNs))
      if (egress.stage === 'live') this.#decide(egress, true);
    this.#connections.tick(nowNs);
    this.#hops.tick(nowNs);
    if (this.#writer.count >= BATCH_ROWS) this.flush();
  }

  /** Hands on the rows written so far. */
  flush(): void {
    const batch = this.#writer.take();
    if (batch !== null) this.#emit(batch);
  }

  /** The agent stops: every hop is handed on as far as it ended. */
  finish(): void {
    this.tick(Number.POSITIVE_INFINITY);
    this.#hops.finish();
    this.flush();
  }

  #readContext(node: LinkNode, exchange: Exchange<LinkNode>): void {
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
    this.#pairs.match(node);
    if (this.#pending.size === 0) return;
    for (const egress of this.#pending.take(state.connection.id)) this.#decide(egress, false);
  }

  #egress(node: LinkNode, exchange: Exchange<LinkNode>, state: ConnectionState): void {
    if (exchange.cause?.isSubrequest === true) node.flags |= FLAG.subrequest;
    this.#decide(node, false);
    if (state.pair === null) return;
    const server = this.#pairs.match(node);
    if (server?.hasEnded === true) this.#hops.settle(server);
  }

  /** Finds the parent of an egress, or the reason why it has none. `isLast`: waiting is over. */
  #decide(egress: LinkNode, isLast: boolean): void {
    const { exchange } = egress;
    if (exchange === null || egress.isDecided) return;
    const { cause } = exchange;
    if (cause === null) this.#withoutState(egress);
    else if (cause.isNoIngress) this.#ownRequest(egress);
    else if (cause.isAmbiguous) this.#unlinked(egress, 'unlinked.ambiguous');
    else {
      const ingress = this.#connections.get(cause.connectionId);
      if (ingress !== undefined && hasSeenState(ingress, cause)) {
        this.#linkByState(egress, ingress, exchange);
      } else if (isLast) this.#unlinked(egress, 'unlinked.unseen');
      else this.#pending.add(cause.connectionId, egress, exchange.requestHeadNs);
    }
    if (egress.isDecided && egress.hasEnded) this.#hops.settle(egress);
  }

  #linkByState(egress: LinkNode, state: ConnectionState, exchange: Exchange<LinkNode>): void {
    if (exchange.cause === null) return;
    const found = ingressAtState(state, exchange.cause);
    if (typeof found === 'string') this.#unlinked(egress, found);
    else if (found.owner !== egress.owner) this.#unlinked(egress, 'unlinked.other_process');
    else if (contradicts(found, egress, exchange.cause.isSubrequest)) {
      this.#counters.add('link.contradiction');
      this.#unlinked(egress, 'unlinked.contradiction');
    } else this.#link(egress, found, TIER.state, CERTAIN_PPM);
  }

  #link(egress: LinkNode, ingress: LinkNode, tier: number, confidencePpm: number): void {
    egress.isDecided = true;
    egress.tier = tier;
    egress.confidencePpm = confidencePpm;
    ingress.adopt(egress);
  }

  #withoutState(egress: LinkNode): void {
    if (egress.owner.serves) this.#unlinked(egress, 'unlinked.no_signal');
    else {
      egress.isDecided = true;
      egress.reason = 'link.root_client';
    }
  }

  #ownRequest(egress: LinkNode): void {
    egress.isDecided = true;
    egress.flags |= FLAG.ownRequest;
    egress.reason = 'link.own_request';
  }

  #unlinked(egress: LinkNode, reason: CounterName): void {
    egress.isDecided = true;
    egress.flags |= FLAG.unlinked;
    egress.reason = reason;
  }

  /** otel.md 2.4, case D: a program that sends its own spans gets none from us. */
  #judgeTracing(node: LinkNode, exchange: Exchange<LinkNode>): void {
    const { owner } = node;
    if (owner.isNative || owner.relaysTraces || node.isOwn || node.parent !== null) return;
    if (!isTraceExport(exchange)) return;
    owner.isNative = true;
    const { tgid, comm } = owner.identity;
    this.#log(`${comm} (pid ${tgid}) exports spans of its own: spantap makes none for it`);
  }
}
