/**
 * The two ends of one connection on this host. Key: network namespace and 4-tuple, server first;
 * Unix sockets: the client's inode (what it connects to has none until it is accepted). The server's exchange number k is the client's number k, byte for
 * byte; where a key names two connections of one side (address translation, missed closes) nothing
 * is paired.
 */

import type { Connection, Endpoint } from '../capture/types.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { ConnectionState } from './connections.ts';
import type { LinkNode } from './node.ts';

export class Pair {
  readonly key: string;
  client: ConnectionState | null = null;
  server: ConnectionState | null = null;
  isAmbiguous = false;

  constructor(key: string) {
    this.key = key;
  }
}

export class Pairs {
  readonly #counters: Counters;
  readonly #ownPeer: (connection: Connection) => void;
  /** Inserted with the first end, deleted when both ends are gone. */
  readonly #byKey = new Map<string, Pair>();

  readonly #waitsForClients: boolean;

  constructor(
    counters: Counters,
    ownPeer: (connection: Connection) => void,
    waitsForClients: boolean,
  ) {
    this.#counters = counters;
    this.#ownPeer = ownPeer;
    this.#waitsForClients = waitsForClients;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Registers one end, once its role is known. */
  join(state: ConnectionState, isServer: boolean): void {
    state.isPairTried = true;
    const key = keyOf(state.connection, isServer);
    if (key === null) return;
    const pair = this.#pairFor(key, isServer);
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
    const isEmpty = pair.client === null && pair.server === null;
    if (isEmpty && this.#byKey.get(pair.key) === pair) this.#byKey.delete(pair.key);
  }

  /**
   * Connects `node` with the exchange at the other end, if that was seen already; otherwise an
   * ingress waits for it when the other end is known to be watched.
   */
  match(node: LinkNode): LinkNode | null {
    const { pair } = node.connection;
    if (pair === null) return null;
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

  #pairFor(key: string, isServer: boolean): Pair {
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      const taken = isServer ? known.server : known.client;
      if (taken === null) return known;
      if (!taken.isClosed) {
        this.#markAmbiguous(known);
        return known;
      }
    }
    // The port is used again: the ends of the closed connection keep each other.
    const pair = new Pair(key);
    this.#byKey.set(key, pair);
    return pair;
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
  const newest = state.recent.at(-1);
  return newest === undefined || (newest.ordinal !== 0 && newest.ordinal < ordinal);
}

/**
 * What one end wrote is what the other end read. A client that gave up is handed on before its
 * server reads the request; of its head a print is left.
 */
function areSameMessage(server: LinkNode, client: LinkNode): boolean {
  const serverHead = server.exchange?.request.bytes;
  const clientHead = client.exchange?.request.bytes;
  if (serverHead === undefined) return false;
  if (clientHead === undefined) return client.headPrint === printOf(serverHead);
  return serverHead.equals(clientHead);
}

const PRINT_SAMPLES = 32;

/** A hash of the length and of bytes spread over the head. */
export function printOf(head: Uint8Array): number {
  let print = head.length;
  const step = Math.max(1, Math.floor(head.length / PRINT_SAMPLES));
  for (let i = 0; i < head.length; i += step) print = (Math.imul(print, 31) + head[i]) | 0;
  return print;
}

function keyOf(connection: Connection, isServer: boolean): string | null {
  const { local, remote } = connection;
  if (connection.family === 'unix') return unixKey(connection, isServer);
  const server = isServer ? local : remote;
  const client = isServer ? remote : local;
  return `${connection.netnsInode}|${text(server)}|${text(client)}`;
}

function unixKey({ socketInode, peerInode }: Connection, isServer: boolean): string | null {
  const client = isServer ? peerInode : socketInode;
  return client === 0 ? null : `unix|${client}`;
}

function text(endpoint: Endpoint): string {
  return `${endpoint.address}:${endpoint.port}`;
}
