/**
 * What the capture stage gives to the protocol stage: decoded events and connections.
 *
 * Event objects are reused between calls: a receiver copies what it keeps. All times are
 * CLOCK_MONOTONIC nanoseconds as a double (exact below 104 days of uptime, then to 2 ns).
 * Numbers mirror `bpf/event.h`.
 */

export type Role = 'unknown' | 'server' | 'client';

/** What the first bytes of a connection are. Of http1 the bytes follow; of the others nothing does. */
export type Speaks = 'http1' | 'http2' | 'tls' | 'other';

/** One end of a connection; `port` is 0 for Unix sockets. */
export interface Endpoint {
  /** Textual IPv4 or IPv6 address (IPv4-mapped addresses as IPv4), or the Unix socket path. */
  readonly address: string;
  readonly port: number;
}

/** A process as the kernel names it. `startNs`: boot time at which the thread group started. */
export interface ProcessIdentity {
  readonly tgid: number;
  readonly startNs: number;
  readonly comm: string;
}

/** One socket, with an id that survives descriptor and pid reuse. */
export interface Connection {
  readonly id: number;
  readonly socketInode: number;
  /** Unix sockets: inode of the other end; 0 when unknown or not a Unix socket. */
  readonly peerInode: number;
  readonly netnsInode: number;
  readonly family: 'ipv4' | 'ipv6' | 'unix';
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** The process that owns it; the reader of a request head for inherited sockets. */
  process: ProcessIdentity;
  /** From accept/connect, else from the first message seen. */
  role: Role;
  /** True when accept or connect was seen: positions and ordinals count from the first byte. */
  readonly startSeen: boolean;
  /** Positions when the connection was first seen; 0 and 0 when `startSeen`. */
  readonly readPosition: number;
  readonly writePosition: number;
  /** Other than http1: an open and a close event, and only while settings ask for them. */
  readonly speaks: Speaks;
  /** State of the protocol stage; null until its first event. */
  protocol: unknown;
  /** State of the link stage; null until it is first used there. */
  link?: unknown;
}

/** First sight of a socket, or its connect/accept; as decoded, before it becomes a Connection. */
export interface OpenEvent {
  connectionId: number;
  timeNs: number;
  tgid: number;
  tid: number;
  fd: number;
  socketInode: number;
  peerInode: number;
  netnsInode: number;
  processStartNs: number;
  comm: string;
  family: Connection['family'];
  local: Endpoint;
  remote: Endpoint;
  role: Role;
  startSeen: boolean;
  speaks: Speaks;
  readPosition: number;
  writePosition: number;
}

/** Receives what `decode` reads, in ring order; objects are reused between calls. */
export interface RawEventSink {
  open(event: OpenEvent): void;
  data(event: DataEvent): void;
  close(event: CloseEvent): void;
  process(event: ProcessEvent): void;
}

/** Bytes [position, position + lenBytes) of one direction; the first `copiedBytes` are present. */
export interface DataEvent {
  connectionId: number;
  timeNs: number;
  tgid: number;
  tid: number;
  fd: number;
  /** True for bytes that the process wrote, false for bytes that it read. */
  isWrite: boolean;
  position: number;
  lenBytes: number;
  copiedBytes: number;
  /** Direction turns on this connection so far, from 1: a jump tells how many messages were lost. */
  turn: number;
  source: number;
  flags: number;
  /** errno of a failed call, 0 none. */
  error: number;
  /** Go: address of the goroutine's g; 0 elsewhere. */
  goroutine: number;
  /** `enum event_cause`; 0 when no program state named an ingress. */
  cause: number;
  causeFlags: number;
  causeConnectionId: number;
  causeReadPosition: number;
  causeWritePosition: number;
  causeToken: number;
  /** The batch that holds the payload; valid only during the call. */
  bytes: Uint8Array;
  payloadStart: number;
  payloadEnd: number;
  /** The last so many bytes of the range, at `payloadStart`, also where nothing else was copied. */
  tailBytes: number;
}

/** Final positions and turns; -1 when the end was inferred (eviction, a process that exits in a replay). */
export interface CloseEvent {
  connectionId: number;
  timeNs: number;
  /** The thread that closed it; 0 when the end was inferred. */
  tid: number;
  readPosition: number;
  writePosition: number;
  turns: number;
  /** Not closed: how far it had got when its capture ended (the agent stops, settings exclude it). */
  isStillOpen: boolean;
  /** Found afterwards, by the sweep: `timeNs` is when, not that of the end. */
  isLate: boolean;
}

export interface ProcessEvent {
  timeNs: number;
  tgid: number;
  parentTgid: number;
  startNs: number;
  action: 'fork' | 'exec' | 'exit';
  comm: string;
}

/** Told of every connection: those of HTTP/1, and of the others where settings ask for them. */
export interface ConnectionSink {
  /** `tid`: the thread that connected, accepted or first used the socket. */
  open(connection: Connection, timeNs: number, tid: number): void;
  /** The positions are the bytes moved since it was first seen; -1 unknown. */
  close(connection: Connection, event: CloseEvent): void;
}

/** Receives events with their connection, in ring order, which is not causal across threads. */
export interface EventSink extends ConnectionSink {
  /** `connection` is undefined when its open event was lost. */
  data(connection: Connection | undefined, event: DataEvent): void;
  process(event: ProcessEvent): void;
}
