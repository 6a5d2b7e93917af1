/**
 * The connections that are open now, by kernel id: turns decoded events into events with their
 * connection, and ends the connections of a process that exits (its sockets are closed without a
 * system call that could be seen).
 */
import { limits } from '../config/limits.ts';
import type { Counters } from '../telemetry/counters.ts';
import type {
  CloseEvent,
  Connection,
  DataEvent,
  EventSink,
  OpenEvent,
  ProcessEvent,
  ProcessIdentity,
  RawEventSink,
} from './types.ts';
import { UnopenedConnections } from './unopened.ts';

export interface ConnectionTableOptions {
  readonly counters: Counters;
  readonly connectionsMax?: number;
  /**
   * Called when a socket is gone for good, so that the kernel side can forget it. Returns whether
   * a close event follows.
   */
  readonly forget?: (socketInode: number) => boolean;
}

export class ConnectionTable implements RawEventSink {
  readonly #sink: EventSink;
  readonly #counters: Counters;
  readonly #connectionsMax: number;
  readonly #forget: (socketInode: number) => boolean;
  readonly #unopened: UnopenedConnections;
  /** Key: connection id. Inserted at open, deleted at close, process exit or eviction. */
  readonly #connections = new Map<number, Connection>();
  /** Key: tgid. The sockets to end when that process exits. */
  readonly #byProcess = new Map<number, Set<Connection>>();
  /** Key: tgid. Replaced on exec, deleted on exit. */
  readonly #processes = new Map<number, ProcessIdentity>();

  constructor(sink: EventSink, options: ConnectionTableOptions) {
    this.#sink = sink;
    this.#counters = options.counters;
    this.#connectionsMax = options.connectionsMax ?? limits.connectionsMax;
    this.#forget = options.forget ?? (() => false);
    this.#unopened = new UnopenedConnections(this.#counters, this.#connectionsMax);
  }

  get size(): number {
    return this.#connections.size;
  }

  get connections(): Iterable<Connection> {
    return this.#connections.values();
  }

  open(event: OpenEvent): void {
    // A second open of one id repeats what is known (the first may have been lost on its way).
    if (this.#connections.has(event.connectionId)) return;
    this.#unopened.opened(event.connectionId);
    if (this.#connections.size >= this.#connectionsMax) this.#evictOldest(event.timeNs);
    const connection = toConnection(event, this.#identify(event));
    this.#connections.set(connection.id, connection);
    this.#socketsOf(event.tgid).add(connection);
    this.#sink.open(connection, event.timeNs, event.tid);
  }

  data(event: DataEvent): void {
    const connection = this.#connections.get(event.connectionId);
    if (connection === undefined) this.#unopened.data(event.connectionId, event.turn);
    else if (connection.process.tgid !== event.tgid) this.#handOver(connection, event.tgid);
    this.#sink.data(connection, event);
  }

  close(event: CloseEvent): void {
    const connection = this.#connections.get(event.connectionId);
    if (connection !== undefined) this.#end(connection, event);
    else this.#unopened.closed(event.connectionId, event.turns);
  }

  /** Capture stops: nothing follows. */
  finish(): void {
    this.#unopened.finish();
  }

  process(event: ProcessEvent): void {
    if (event.action === 'exit') this.#endProcess(event);
    else this.#processes.set(event.tgid, identityOf(event));
    this.#sink.process(event);
  }

  /** An inherited socket belongs to the process that uses it now (inetd, fork per connection). */
  #handOver(connection: Connection, tgid: number): void {
    this.#byProcess.get(connection.process.tgid)?.delete(connection);
    connection.process = this.#processes.get(tgid) ?? { tgid, startNs: 0, comm: '' };
    this.#socketsOf(tgid).add(connection);
  }

  #identify(event: OpenEvent): ProcessIdentity {
    const known = this.#processes.get(event.tgid);
    if (known !== undefined && known.startNs === event.processStartNs) return known;
    const identity = { tgid: event.tgid, startNs: event.processStartNs, comm: event.comm };
    this.#processes.set(event.tgid, identity);
    return identity;
  }

  #socketsOf(tgid: number): Set<Connection> {
    let sockets = this.#byProcess.get(tgid);
    if (sockets === undefined) {
      sockets = new Set();
      this.#byProcess.set(tgid, sockets);
    }
    return sockets;
  }

  /** The kernel side knows what was moved last on the sockets; a replay may not be told. */
  #endProcess(event: ProcessEvent): void {
    for (const connection of this.#byProcess.get(event.tgid) ?? []) {
      if (this.#forget(connection.socketInode)) continue;
      this.#end(connection, unseenClose(connection.id, event.timeNs));
    }
    this.#byProcess.delete(event.tgid);
    this.#processes.delete(event.tgid);
  }

  #evictOldest(timeNs: number): void {
    const oldest = this.#connections.values().next().value;
    if (oldest === undefined) return;
    this.#counters.add('dropped.connections');
    this.#end(oldest, unseenClose(oldest.id, timeNs));
    this.#forget(oldest.socketInode);
  }

  #end(connection: Connection, event: CloseEvent): void {
    this.#connections.delete(connection.id);
    this.#byProcess.get(connection.process.tgid)?.delete(connection);
    this.#sink.close(connection, event);
  }
}

function toConnection(event: OpenEvent, process: ProcessIdentity): Connection {
  return {
    id: event.connectionId,
    socketInode: event.socketInode,
    peerInode: event.peerInode,
    netnsInode: event.netnsInode,
    family: event.family,
    local: event.local,
    remote: event.remote,
    process,
    role: event.role,
    startSeen: event.startSeen,
    speaks: event.speaks,
    readPosition: event.readPosition,
    writePosition: event.writePosition,
    protocol: null,
    link: null,
  };
}

function identityOf(event: ProcessEvent): ProcessIdentity {
  return { tgid: event.tgid, startNs: event.startNs, comm: event.comm };
}

/** A close whose final positions nobody saw: -1 tells the protocol stage not to compare them. */
export function unseenClose(connectionId: number, timeNs: number): CloseEvent {
  return {
    connectionId,
    timeNs,
    tid: 0,
    readPosition: -1,
    writePosition: -1,
    turns: -1,
    isStillOpen: false,
    isLate: false,
  };
}
