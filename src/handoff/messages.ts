/** What crosses between the main thread and the capture worker, besides batches of exchanges. */
import type { Connection } from '../capture/types.ts';
import type { Family, UprobeSite } from '../discover/types.ts';
import type { BodyLimits } from './captured-body.ts';
import type { HaproxyWalk } from './haproxy-layout.ts';
import type { BodyBytesMessage, BodyMessage } from './held-bodies.ts';
import type { ExchangeBatch, ObservedProcess } from './layout.ts';

/** Policy and linking state of one process, decided by discovery on the main thread. */
export interface PlanMessage {
  readonly kind: 'plan';
  readonly tgid: number;
  readonly watch: 'watch' | 'ignore' | 'default';
  readonly family: Family;
  /** Names the executable's file: its probes are attached once per key. */
  readonly executableKey: string;
  readonly uprobes: readonly Pick<UprobeSite, 'program' | 'path' | 'offset' | 'isReturn'>[];
  /** It may read by splice() at any time. */
  readonly maySplice?: boolean | undefined;
  /** HAProxy: the way through its structures, once it is known. */
  readonly walk?: HaproxyWalk | undefined;
  /** What a recording keeps about the process, so that a replay shows the same names. */
  readonly resource: Readonly<Record<string, unknown>>;
}

/** A connection of the agent itself; the process at its other end gets no spans for it. */
export interface OwnConnection {
  readonly id: number;
  /** Of this end, over a Unix socket; 0 over TCP. */
  readonly socketInode: number;
  readonly netnsInode: number;
  readonly local: { readonly address: string; readonly port: number };
  readonly remote: { readonly address: string; readonly port: number };
}

/**
 * Which connections are captured, and how much of them. May change at any time: what becomes excluded
 * ends as if the agent stopped, what is excluded no more appears as a connection found open.
 */
export interface TrafficSettings {
  /** Internal: the other end is private, loopback, link-local, unspecified or a Unix socket. */
  readonly excluded: {
    readonly ingress: boolean;
    readonly egressInternal: boolean;
    readonly egressExternal: boolean;
    /** Either direction, when the other end is 127.0.0.0/8, ::1 or a Unix socket. */
    readonly loopback: boolean;
  };
  /** Of each body; heads always arrive whole. */
  readonly bodyBytesMax: BodyLimits;
  /** Connections of other protocols are told about as well: opened, closed, bytes moved. */
  readonly reportsConnections: boolean;
  /** Those to and from port 53 are among them. */
  readonly reportsDns: boolean;
}

export interface TrafficMessage {
  readonly kind: 'traffic';
  readonly settings: TrafficSettings;
}

/** What is known of a connection at some time; flat, for it is cloned. */
export interface ConnectionReport {
  readonly connectionId: number;
  /** 0, 1, 2 ... of this connection. */
  readonly part: number;
  /** CLOCK_MONOTONIC nanoseconds of the report, or of the end. */
  readonly timeNs: number;
  /** Of the connect or accept where that was seen, else of first sight. */
  readonly openedNs: number;
  readonly isStartSeen: boolean;
  /** The connection is over. */
  readonly isFinal: boolean;
  /** The end was found out afterwards: `timeNs` is when. */
  readonly isEndLate: boolean;
  /** Moved since first sight; -1 unknown: before the end, or it was not seen. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly tgid: number;
  readonly startNs: number;
  readonly comm: string;
  readonly role: Connection['role'];
  readonly family: Connection['family'];
  /** Of a Unix socket the path, '' without one; the port is 0. */
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly speaks: Connection['speaks'];
}

export type ToWorker =
  | PlanMessage
  /** So many reports were taken. */
  | { readonly kind: 'reported'; readonly count: number }
  | TrafficMessage
  | { readonly kind: 'own-opened'; readonly connection: OwnConnection }
  | { readonly kind: 'own-closed'; readonly id: number }
  /** A batch was read; its buffers may be filled again. */
  | { readonly kind: 'return'; readonly batch: ExchangeBatch }
  | BodyMessage
  | { readonly kind: 'stop' }
  /** After `stopped`: nobody reads bodies any more. */
  | { readonly kind: 'close' };

export type FromWorker =
  /** Everything is attached; capture runs. */
  | { readonly kind: 'ready' }
  /** The settings that were sent hold; one answer for each, in their order. */
  | { readonly kind: 'traffic-set' }
  | { readonly kind: 'process'; readonly process: ObservedProcess }
  | { readonly kind: 'batch'; readonly batch: ExchangeBatch }
  | BodyBytesMessage
  /** Values by telemetry's COUNTER_NAMES; sent every second and before `stopped`. */
  | { readonly kind: 'counters'; readonly values: Float64Array }
  | Appearance
  | { readonly kind: 'connections'; readonly reports: readonly ConnectionReport[] }
  | { readonly kind: 'exited'; readonly tgid: number }
  /** The other end of the agent's own connection: its collector. */
  | { readonly kind: 'own-peer'; readonly tgid: number }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn'; readonly message: string }
  /** A uprobe or another part could not be set up; the agent goes on without it. */
  | { readonly kind: 'unavailable'; readonly what: string; readonly why: string }
  | { readonly kind: 'failed'; readonly code: string; readonly text: ErrorTextMessage }
  /**
   * Limits of a recording were reached, or `stop` was obeyed; everything was flushed. Bodies can be
   * read until all of them are decided, or `close`.
   */
  | { readonly kind: 'stopped' };

/**
 * A process that discovery should look at. exec: it is another program now, which most likely has
 * nothing to do with HTTP. socket: its first HTTP connection, as this program, was seen.
 */
export interface Appearance {
  readonly kind: 'appeared';
  readonly by: 'exec' | 'socket';
  readonly tgid: number;
  /** Boot time of its start; exec does not change it. */
  readonly startNs: number;
  readonly comm: string;
}

export interface ErrorTextMessage {
  readonly what: string;
  readonly why?: string;
  readonly todo?: string;
}
