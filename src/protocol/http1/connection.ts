import type { Connection, DataEvent } from '../../capture/types.ts';
import type { BodyKeeper, BodyLimits } from '../../handoff/captured-body.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { ExchangeSink } from '../types.ts';
import type { Cursor } from './cursor.ts';
import type { Ghost, HttpExchange } from './exchange.ts';
import type { HeadScan } from './head-scan.ts';
import type { HeadStore } from './head-store.ts';
import { MessageStream } from './message-stream.ts';
import { TurnCount } from './turns.ts';

/** What all connections of a stage share. */
export interface Http1Context {
  readonly sink: ExchangeSink;
  readonly counters: Counters;
  readonly bodies: BodyKeeper | null;
  bodyLimits: BodyLimits;
  /** The rest of the connection is not HTTP/1: the kernel need not copy its bytes. */
  readonly ignore: (connection: Connection) => void;
  readonly cursor: Cursor;
  readonly scan: HeadScan;
  readonly heads: HeadStore;
}

export type Pending = HttpExchange | Ghost;

/**
 * State of one connection. `requests` and `responses` are `read` and `write` or the reverse, once
 * the role is known.
 */
export class Http1Connection {
  readonly context: Http1Context;
  readonly connection: Connection;
  readonly read: MessageStream;
  readonly write: MessageStream;
  requests: MessageStream;
  responses: MessageStream;
  isRoleKnown: boolean;
  /** `tunnel`: after 101, or 2xx to CONNECT. `ignored`: not HTTP/1, or given up. */
  mode: 'http' | 'tunnel' | 'ignored' = 'http';

  /** Requests in order whose response has not ended. */
  readonly pending: Pending[] = [];
  readonly turns: TurnCount;
  /** Turn in which the last request began; -1 none. */
  lastRequestTurn = -1;
  /** Last turn that is known to hold bytes of the newest request in line; -1 none. */
  newestTurn = -1;
  /** Two requests were under way at once: after a loss, responses cannot be told apart any more. */
  isPipelined = false;
  /** An interim response was seen: turns do not count requests plainly. */
  sawInterim = false;

  /** Threads: 0 none seen; mixed when several, or goroutines, move bytes of this connection. */
  tid = 0;
  isMixed = false;
  /** The last event of the response direction. */
  lastResponseTid = 0;
  lastResponseNs = Number.NEGATIVE_INFINITY;

  /** Response events of a client connection that were recorded before their request. */
  held: DataEvent[] | null = null;
  heldBytes = 0;

  /** A call on the connection failed for good. */
  isReset = false;
  /** Messages that were no HTTP/1, see limits.invalidMessagesMax. */
  invalidMessages = 0;

  constructor(context: Http1Context, connection: Connection) {
    this.context = context;
    this.connection = connection;
    this.isRoleKnown = connection.role !== 'unknown';
    const state = connection.startSeen && this.isRoleKnown ? 'start' : 'seek';
    const position = connection.startSeen ? 0 : -1;
    this.read = new MessageStream(position, state);
    this.write = new MessageStream(position, state);
    this.turns = new TurnCount(connection.startSeen);
    const isClient = connection.role === 'client';
    this.requests = isClient ? this.write : this.read;
    this.responses = isClient ? this.read : this.write;
  }

  /** The role shows in the bytes: a request read makes a server, a request written a client. */
  setRole(role: 'server' | 'client'): void {
    this.isRoleKnown = true;
    this.connection.role = role;
    this.requests = role === 'client' ? this.write : this.read;
    this.responses = role === 'client' ? this.read : this.write;
  }

  /**
   * Whether a response may be recorded before its request: a send is recorded at its return, and by
   * then another thread of the client may have read the response. (On a server of several threads
   * a response may be recorded after the next request.)
   */
  get mayAnswerEarly(): boolean {
    return this.connection.role === 'client' && this.isMixed;
  }

  /** Turns count requests plainly: ordinals survive a loss. */
  get isPlain(): boolean {
    return !this.isMixed && !this.isPipelined && !this.sawInterim;
  }
}
