/**
 * The two ends of one connection on this host. Key: network namespace and 4-tuple, server first;
 * Unix sockets: the client's inode (what it connects to has none until it is accepted). The server's
 * exchange number k is the client's number k, byte for byte; where a key names two connections of
 * one side (address translation, missed closes) nothing is paired.
 */
import type { Connection } from '../capture/types.ts';
import type { MessageHead } from '../protocol/types.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { ConnectionState } from './connections.ts';
import type { LinkExchange, LinkNode } from './node.ts';

export class Pair {
  /** TCP: a hash of ports and client address; Unix: inode of the client's socket. */
  readonly key: number;
  /** Of TCP only: an inode says everything. */
  readonly netnsInode: number;
  readonly serverAddress: string;
  readonly clientAddress: string;
  client: ConnectionState | null = null;
  server: ConnectionState | null = null;
  isAmbiguous = false;
  /** The next pair with the same key. */
  next: Pair | null = null;

  constructor(connection: Connection, isServer: boolean) {
    const { local, remote, family } = connection;
    const isUnix = family === 'unix';
    this.key = keyOf(connection, isServer);
    this.netnsInode = isUnix ? 0 : connection.netnsInode;
    this.serverAddress = isUnix ? '' : (isServer ? local : remote).address;
    this.clientAddress = isUnix ? '' : (isServer ? remote : local).address;
  }

  /**
   * Of pairs with equal keys: both connections are ends of the same one, or use its addresses
   * again. Ports need no comparison, see keyOf.
   */
  isLike(other: Pair): boolean {
    return (
      this.netnsInode === other.netnsInode &&
      this.serverAddress === other.serverAddress &&
      this.clientAddress === other.clientAddress
    );
  }
}

export interface PairOptions {
  readonly counters: Counters;
  readonly ownPeer: (connection: Connection) => void;
  /** The client's record is waited for. */
  readonly waitsForClients: boolean;
  /** Exchanges are connected; else only the agent's own connections are recognised. */
  readonly isLinking: boolean;
}

export class Pairs {
  readonly #counters: Counters;
  readonly #ownPeer: (connection: Connection) => void;
  /** Inserted with the first end, deleted when both ends are gone. */
  readonly #tcp = new Map<number, Pair>();
  readonly #unix = new Map<number, Pair>();
  readonly #waitsForClients: boolean;
  readonly #isLinking: boolean;

  constructor({ counters, ownPeer, waitsForClients, isLinking }: PairOptions) {
    this.#counters = counters;
    this.#ownPeer = ownPeer;
    this.#waitsForClients = waitsForClients;
    this.#isLinking = isLinking;
  }

  /** Registers one end, once its role is known. */
  join(state: ConnectionState, isServer: boolean): void {
    state.isPairTried = true;
    const { connection } = state;
    if (connection.family === 'unix' && clientInode(connection, isServer) === 0) return;
    const pair = this.#pairFor(connection, isServer);
    state.pair = pair;
    if (isServer) pair.server = state;
    else pair.client = state;
    this.#markOwn(pair);
  }

  /** A connection is forgotten. */
  leave(state: ConnectionState): void {
    const { pair } = state;
    if (pair === null) return;
    if (pair.client === state) pair.client = null;
    if (pair.server === state) pair.server = null;
    if (pair.client === null && pair.server === null)
      this.#remove(this.#mapOf(state.connection), pair);
  }

  /**
   * Connects `node` with the exchange at the other end, if that was seen already; otherwise an
   * ingress waits for it when the other end is known to be watched.
   */
  match(node: LinkNode): LinkNode | null {
    const { pair } = node.connection;
    if (pair === null || !this.#isLinking) return null;
    const other = node.isServer ? pair.client : pair.server;
    if (pair.isAmbiguous) return null;
    if (other === null) {
      // The client's first write may be recorded after all that it caused: wait a moment for it.
      node.awaitsClient = this.#waitsForClients && node.isServer && node.ordinal === 1;
      return null;
    }
    if (node.ordinal === 0) {
      if (node.isServer) this.#counters.add('link.local_no_ordinal');
      return null;
    }
    const found = other.byOrdinal(node.ordinal);
    if (found === null) {
      node.awaitsLocal = node.isServer && canStillCome(other, node.ordinal);
      return null;
    }
    return this.#connect(node.isServer ? node : found, node.isServer ? found : node);
  }

  #pairFor(connection: Connection, isServer: boolean): Pair {
    const map = this.#mapOf(connection);
    const pair = new Pair(connection, isServer);
    let known = map.get(pair.key) ?? null;
    while (known !== null && !known.isLike(pair)) known = known.next;
    if (known !== null) {
      const taken = isServer ? known.server : known.client;
      if (taken === null) return known;
      if (!taken.isClosed) {
        this.#markAmbiguous(known);
        return known;
      }
      // The port is used again: the ends of the closed connection keep each other.
      this.#remove(map, known);
    }
    pair.next = map.get(pair.key) ?? null;
    map.set(pair.key, pair);
    return pair;
  }

  #mapOf(connection: Connection): Map<number, Pair> {
    return connection.family === 'unix' ? this.#unix : this.#tcp;
  }

  #remove(map: Map<number, Pair>, pair: Pair): void {
    const first = map.get(pair.key);
    if (first === pair) {
      if (pair.next === null) map.delete(pair.key);
      else map.set(pair.key, pair.next);
      return;
    }
    for (let known = first ?? null; known !== null; known = known.next)
      if (known.next === pair) known.next = pair.next;
  }

  #connect(server: LinkNode, client: LinkNode): LinkNode | null {
    server.awaitsLocal = false;
    server.awaitsClient = false;
    if (server.local !== null) return null;
    if (server.isResolved) {
      this.#counters.add('link.local_late');
      return null;
    }
    if (!areSameMessage(server, client)) {
      this.#counters.add('link.local_contradiction');
      return null;
    }
    server.local = client;
    client.isPaired = true;
    client.peer = server.owner;
    return server;
  }

  #markAmbiguous(pair: Pair): void {
    pair.isAmbiguous = true;
    this.#counters.add('link.local_ambiguous');
  }

  #markOwn(pair: Pair): void {
    const { client, server } = pair;
    if (client === null || server === null || client.isOwn === server.isOwn) return;
    const peer = client.isOwn ? server : client;
    peer.isOwn = true;
    this.#ownPeer(peer.connection);
  }
}

/** Exchange `ordinal` of this end was not seen and may still be. */
function canStillCome(state: ConnectionState, ordinal: number): boolean {
  if (state.isClosed || !state.connection.startSeen) return false;
  const { newest } = state;
  return newest === null || (newest.ordinal !== 0 && newest.ordinal < ordinal);
}

/**
 * What one end wrote is what the other end read. A client that gave up may be handed on before its
 * server reads the request; of its head a print is left. One that was answered was read before.
 */
function areSameMessage(server: LinkNode, client: LinkNode): boolean {
  if (server.exchange === null) return false;
  if (client.exchange === null) return client.headPrint === printOf(server.exchange);
  return haveSameBytes(server.exchange.request, client.exchange.request);
}

function haveSameBytes(a: MessageHead, b: MessageHead): boolean {
  const { lenBytes } = a;
  if (lenBytes !== b.lenBytes) return false;
  return a.store.compare(b.store, b.start, b.start + lenBytes, a.start, a.start + lenBytes) === 0;
}

const PRINT_SAMPLES = 32;

/** A hash of the length and of bytes spread over the request head. */
export function printOf(exchange: LinkExchange): number {
  const { store, start, lenBytes } = exchange.request;
  let print = lenBytes;
  const step = Math.max(1, Math.floor(lenBytes / PRINT_SAMPLES));
  for (let i = 0; i < lenBytes; i += step) print = (Math.imul(print, 31) + store[start + i]) | 0;
  return print;
}

/**
 * Ports alone would put all clients that share a port into one chain. Every step of the hash is a
 * bijection, so equal keys of equal addresses mean equal ports.
 */
function keyOf(connection: Connection, isServer: boolean): number {
  if (connection.family === 'unix') return clientInode(connection, isServer);
  const { local, remote } = connection;
  const server = isServer ? local : remote;
  const client = isServer ? remote : local;
  let key = (server.port << 16) | client.port;
  const { address } = client;
  for (let i = 0; i < address.length; i++) key = (Math.imul(key, 31) + address.charCodeAt(i)) | 0;
  return key;
}

/** Of a Unix socket; 0 unknown. */
function clientInode({ socketInode, peerInode }: Connection, isServer: boolean): number {
  return isServer ? peerInode : socketInode;
}
