/** Memory of a made-up HAProxy: descriptors, connections, and requests in progress, at any offsets. */
import type { HaproxyLayout } from '../../../src/handoff/haproxy-layout.ts';

/** As HAProxy 2.6 has them. */
export const LAYOUT: HaproxyLayout = {
  tableFromCode: 0x1000,
  checksFromCode: 0x2000,
  entryBytes: 64,
  entryOwner: 40,
  connectionHandle: 104,
  connectionMux: 40,
  muxConnection: 0,
  muxStream: 136,
  streamMux: 0,
  streamSession: 32,
  sessionOrigin: 16,
  connectionType: 6,
};

export const CODE = 0x20000;
const TABLE = 0x30000;
const CONNECTION_OWNER = 48;
const STRUCTURE_BYTES = 512;

export class HaproxyMemory {
  readonly bytes = Buffer.alloc(0x80000);
  readonly #layout: HaproxyLayout;
  #free = 0x40000;

  constructor(layout = LAYOUT) {
    this.#layout = layout;
    this.#set(CODE + layout.tableFromCode, TABLE);
  }

  get table(): number {
    return TABLE;
  }

  read(address: number, lenBytes: number): Buffer {
    return this.bytes.subarray(address, address + lenBytes);
  }

  /** An idle connection of a client; its address. */
  client(fd: number): number {
    const { connection, session } = this.#connection(fd);
    this.#set(connection + CONNECTION_OWNER, session);
    this.#set(session + this.#layout.sessionOrigin, connection);
    return connection;
  }

  /** Connections of a client and of the server that its request is sent to. */
  request(fd: number, serverFd: number): { readonly client: number; readonly server: number } {
    const client = this.client(fd);
    const { connection: server } = this.#connection(serverFd);
    const session = this.bytes.readUInt32LE(client + CONNECTION_OWNER);
    for (const connection of [client, server]) this.#stream(connection, session);
    return { client, server };
  }

  #connection(fd: number): { readonly connection: number; readonly session: number } {
    const layout = this.#layout;
    const [connection, mux, session] = [this.#structure(), this.#structure(), this.#structure()];
    this.#set(TABLE + fd * layout.entryBytes + layout.entryOwner, connection);
    this.bytes[connection] = layout.connectionType;
    this.#set(connection + layout.connectionHandle, fd);
    this.#set(connection + layout.connectionMux, mux);
    this.#set(mux + layout.muxConnection, connection);
    return { connection, session };
  }

  #stream(connection: number, session: number): void {
    const { connectionMux, muxStream, streamMux, streamSession } = this.#layout;
    const mux = this.bytes.readUInt32LE(connection + connectionMux);
    const stream = this.#structure();
    this.#set(mux + muxStream, stream);
    this.#set(stream + streamMux, mux);
    this.#set(stream + streamSession, session);
  }

  /** A structure of a server's connection that closes a circle as a client's session does. */
  addLookalike(server: number): void {
    const { connectionMux } = this.#layout;
    const mux = this.bytes.readUInt32LE(server + connectionMux);
    const [other, node] = [this.#structure(), this.#structure()];
    this.#set(server + 160, node);
    this.#set(node + 48, server);
    this.#set(mux + 168, other);
    this.#set(other + 16, mux);
    this.#set(other + 64, node);
  }

  /** A second way from its stream to its session, `bytes` behind the first. */
  addTwin(connection: number, bytes: number): void {
    const { connectionMux, muxStream, streamSession } = this.#layout;
    const mux = this.bytes.readUInt32LE(connection + connectionMux);
    const stream = this.bytes.readUInt32LE(mux + muxStream);
    const session = this.bytes.readUInt32LE(stream + streamSession);
    this.#set(stream + streamSession + bytes, session);
  }

  #structure(): number {
    this.#free += STRUCTURE_BYTES;
    return this.#free;
  }

  #set(address: number, value: number): void {
    this.bytes.writeUInt32LE(value, address);
  }
}
