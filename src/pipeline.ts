/**
 * capture -> protocol -> link in one thread: raw records in, batches of finished exchanges out.
 * The capture worker runs it on the ring, `spantap replay` on a file.
 */
import { ConnectionTable, unseenClose } from './capture/connections.ts';
import { Decoder } from './capture/decode.ts';
import type {
  CloseEvent,
  Connection,
  ConnectionSink,
  DataEvent,
  Endpoint,
  EventSink,
  ProcessEvent,
  ProcessIdentity,
} from './capture/types.ts';
import type { LinkConfig } from './config/file/types.ts';
import { limits } from './config/limits.ts';
import type { Family } from './discover/types.ts';
import type { ExchangeBatch, ObservedProcess } from './handoff/layout.ts';
import type { Appearance, OwnConnection, TrafficSettings } from './handoff/messages.ts';
import { Linker } from './link/linker.ts';
import type { LinkNode } from './link/node.ts';
import { Http1Stage } from './protocol/http1/stage.ts';
import { PendingBodies, type PendingLimits } from './store/pending-bodies.ts';
import type { Counters } from './telemetry/counters.ts';

export interface PipelineOptions {
  readonly counters: Counters;
  /** The agent itself; its own connections leave no spans. */
  readonly ownTgid: number;
  /** Section `link` of the configuration; left out, its defaults. */
  readonly link?: LinkConfig;
  /** Of all bodies together; limits.pendingBody... when absent. */
  readonly bodies?: Partial<PendingLimits>;
  /** As the kernel side has it: which bodies are kept, and whether an ingress may be missing. */
  readonly traffic: TrafficSettings;
  readonly onBatch: (batch: ExchangeBatch) => void;
  readonly onProcess: (process: ObservedProcess) => void;
  /** A process has its first connection, or became another program. */
  readonly onAppeared: (appearance: Appearance) => void;
  readonly onExited: (tgid: number) => void;
  readonly onOwnPeer: (tgid: number) => void;
  readonly onLog: (level: 'info' | 'warn', message: string) => void;
  /** The bytes of this socket are no HTTP any more (tunnel): the kernel may stop copying them. */
  readonly ignoreConnection: (socketInode: number) => void;
  /** Returns whether a close event follows. */
  readonly forgetConnection: (socketInode: number) => boolean;
  /** Told of every connection, also of those that carry no HTTP/1. */
  readonly connections?: ConnectionSink;
  /** Called once, with the first connection over a Unix socket. */
  readonly onUnixSocket?: () => void;
  /** Replay: time passes with the events, nobody calls `tick`. */
  readonly ticksByEvents?: boolean;
}

const TICK_NS = 50e6;
const PENDING_LIMITS: PendingLimits = {
  memoryBytesMax: limits.pendingBodyMemoryBytesMax,
  diskBytesMax: limits.pendingBodyDiskBytesMax,
  filesMax: limits.pendingBodyFilesMax,
};

export class Pipeline implements EventSink {
  /** Bodies until their exchange is decided. Those of a batch go when it comes back. */
  readonly bodies: PendingBodies;
  readonly #options: PipelineOptions;
  readonly #decoder: Decoder;
  readonly #table: ConnectionTable;
  readonly #http1: Http1Stage<LinkNode>;
  readonly #linker: Linker;
  /** Processes with connections that were told; deleted when they exit or exec. */
  readonly #met = new Set<number>();
  /** The agent's own open connections, by their id. */
  readonly #own = new Map<number, Connection>();
  #hasUnix = false;
  #lastNs = 0;
  #tickNs = 0;

  constructor(options: PipelineOptions) {
    const { counters, ownTgid, traffic } = options;
    this.#options = options;
    this.bodies = new PendingBodies({ ...PENDING_LIMITS, ...options.bodies }, counters);
    this.#linker = new Linker({
      counters,
      ownTgid,
      isIngressExcluded: traffic.excluded.ingress,
      emit: options.onBatch,
      announce: options.onProcess,
      ownPeer: ({ family, process }) => {
        // Collectors and stores are reached over TCP; who listens on a Unix socket is no such.
        if (family !== 'unix') options.onOwnPeer(process.tgid);
      },
      log: (message) => options.onLog('warn', message),
      ...(options.link === undefined ? {} : { signals: options.link, limits: options.link }),
    });
    this.#http1 = new Http1Stage(this.#linker, {
      counters,
      bodies: this.bodies,
      bodyLimits: traffic.bodyBytesMax,
      onTunnel: (connection) => options.ignoreConnection(connection.socketInode),
    });
    this.#table = new ConnectionTable(this, { counters, forget: options.forgetConnection });
    this.#decoder = new Decoder(this.#table, counters);
  }

  /** Whole records, as drained or read from a file. */
  consume(records: Uint8Array): void {
    this.#decoder.decode(records);
  }

  setTraffic(traffic: TrafficSettings): void {
    this.#http1.limitBodies(traffic.bodyBytesMax);
    this.#linker.setIngressExcluded(traffic.excluded.ingress);
  }

  /** A connection of the agent itself: what its other end does for it leaves no spans. */
  openOwn(own: OwnConnection): void {
    const connection = toConnection(own, this.#options.ownTgid);
    this.#own.set(own.id, connection);
    this.#linker.open(connection, this.#lastNs, 0);
  }

  closeOwn(id: number, nowNs: number): void {
    const connection = this.#own.get(id);
    if (connection === undefined) return;
    this.#own.delete(id);
    this.#linker.close(connection, unseenClose(connection.id, nowNs));
  }

  /** Those that are open. */
  get connections(): Iterable<Connection> {
    return this.#table.connections;
  }

  /** The other end of a connection of the agent itself. */
  isOwnEnd(connection: Connection): boolean {
    for (const own of this.#own.values()) if (areEnds(own, connection)) return true;
    return false;
  }

  /** Its first bytes looked like HTTP/1, and it turned out not to be. */
  isGivenUp(connection: Connection): boolean {
    return this.#http1.isGivenUp(connection);
  }

  setFamily(tgid: number, family: Family, hasProbes: boolean): void {
    this.#linker.setFamily(tgid, family, hasProbes);
  }

  /** Ends waiting that took too long; some 20 times a second. */
  tick(nowNs: number): void {
    this.#linker.tick(nowNs);
  }

  /** Hands on what is finished; a batch that is full leaves without it. */
  flush(): void {
    this.#linker.flush();
  }

  /** A batch that was handed on and read, or that nobody gets: its buffers are filled again. */
  reuse(batch: ExchangeBatch): void {
    this.bodies.discardOf(batch);
    this.#linker.reuse(batch);
  }

  /** Ends everything that is open; without a time, at that of the last event. */
  finish(nowNs = this.#lastNs): void {
    this.#table.finish();
    this.#http1.finish(nowNs);
    this.#linker.finish();
  }

  open(connection: Connection, timeNs: number, tid: number): void {
    if (connection.family === 'unix' && !this.#hasUnix) {
      this.#hasUnix = true;
      this.#options.onUnixSocket?.();
    }
    this.#options.connections?.open(connection, timeNs, tid);
    if (connection.speaks !== 'http1') return;
    this.#meet(connection.process);
    this.#linker.open(connection, timeNs, tid);
    this.#http1.open(connection, timeNs);
  }

  data(connection: Connection | undefined, event: DataEvent): void {
    this.#passTime(event.timeNs);
    this.#linker.data(connection, event);
    this.#http1.data(connection, event);
  }

  close(connection: Connection, event: CloseEvent): void {
    this.#options.connections?.close(connection, event);
    if (connection.speaks !== 'http1') return;
    this.#http1.close(connection, event);
    this.#linker.close(connection, event);
  }

  process(event: ProcessEvent): void {
    this.#linker.process(event);
    this.#http1.process(event);
    if (event.action === 'fork') return;
    this.#met.delete(event.tgid);
    if (event.action === 'exit') this.#options.onExited(event.tgid);
    else this.#appear('exec', event);
  }

  #passTime(timeNs: number): void {
    if (timeNs > this.#lastNs) this.#lastNs = timeNs;
    if (this.#options.ticksByEvents !== true || timeNs - this.#tickNs < TICK_NS) return;
    this.#tickNs = timeNs;
    this.tick(timeNs);
    this.flush();
  }

  #meet(process: ProcessIdentity): void {
    if (this.#met.has(process.tgid)) return;
    this.#met.add(process.tgid);
    this.#appear('socket', process);
  }

  #appear(by: Appearance['by'], { tgid, startNs, comm }: ProcessIdentity): void {
    this.#options.onAppeared({ kind: 'appeared', by, tgid, startNs, comm });
  }
}

/** A Unix socket knows its other end by its inode, TCP by addresses of the same network. */
function areEnds(one: Connection, other: Connection): boolean {
  if (one.family === 'unix') return other.peerInode === one.socketInode;
  return (
    one.netnsInode === other.netnsInode &&
    isSameEndpoint(one.local, other.remote) &&
    isSameEndpoint(one.remote, other.local)
  );
}

function isSameEndpoint(one: Endpoint, other: Endpoint): boolean {
  return one.port === other.port && one.address === other.address;
}

/** As the kernel side would tell it; ids of the kernel are positive. */
function toConnection(own: OwnConnection, ownTgid: number): Connection {
  return {
    id: -own.id,
    socketInode: own.socketInode,
    peerInode: 0,
    netnsInode: own.netnsInode,
    family: familyOf(own),
    local: own.local,
    remote: own.remote,
    process: { tgid: ownTgid, startNs: 0, comm: 'spantap' },
    role: 'client',
    startSeen: true,
    speaks: 'http1',
    readPosition: 0,
    writePosition: 0,
    protocol: null,
  };
}

function familyOf({ socketInode, remote }: OwnConnection): Connection['family'] {
  if (socketInode > 0) return 'unix';
  return remote.address.includes(':') ? 'ipv6' : 'ipv4';
}
