/**
 * The HTTP/1 stage: decoded events in, exchanges out. State hangs on the connections themselves.
 * Nothing here throws on data.
 */
import type {
  CloseEvent,
  Connection,
  DataEvent,
  EventSink,
  ProcessEvent,
} from '../../capture/types.ts';
import { type BodyKeeper, type BodyLimits, bodyLimitsOf } from '../../handoff/captured-body.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { ExchangeSink } from '../types.ts';
import { Http1Connection, type Http1Context } from './connection.ts';
import { Cursor } from './cursor.ts';
import { endAll } from './endings.ts';
import { closeConnection, readEvent } from './events.ts';
import { HeadScan } from './head-scan.ts';
import { HeadStore } from './head-store.ts';

export interface Http1Options {
  readonly counters: Counters;
  /** Keeps bodies; without it they are counted only. */
  readonly bodies?: BodyKeeper;
  /** Of each body; see `limitBodies`. */
  readonly bodyLimits?: BodyLimits;
  /** The bytes of this connection are no HTTP/1 any more: the kernel need not copy them. */
  readonly onTunnel?: (connection: Connection) => void;
}

export class Http1Stage<Link = unknown> implements EventSink {
  readonly #context: Http1Context;
  /** Connections with state; inserted at their first event, deleted at close. */
  readonly #open = new Set<Http1Connection>();

  constructor(sink: ExchangeSink<Link>, options: Http1Options) {
    this.#context = {
      sink: sink as ExchangeSink,
      counters: options.counters,
      bodies: options.bodies ?? null,
      bodyLimits: options.bodyLimits ?? bodyLimitsOf(0),
      ignore: options.onTunnel ?? (() => undefined),
      cursor: new Cursor(),
      scan: new HeadScan(),
      heads: new HeadStore(),
    };
  }

  /** Of bodies that begin from now on. 0: they are counted only. */
  limitBodies(bodyLimits: BodyLimits): void {
    this.#context.bodyLimits = bodyLimits;
  }

  open(connection: Connection, _timeNs: number): void {
    this.#stateOf(connection);
  }

  data(connection: Connection | undefined, event: DataEvent): void {
    // Without its open event a connection is unknown; capture counts these.
    if (connection !== undefined) readEvent(this.#stateOf(connection), event);
  }

  close(connection: Connection, event: CloseEvent): void {
    const state = this.#stateOf(connection);
    closeConnection(state, event);
    this.#open.delete(state);
    connection.protocol = null;
  }

  process(_event: ProcessEvent): void {}

  /** It is no HTTP/1, or too much of it was not. */
  isGivenUp({ protocol }: Connection): boolean {
    return (protocol as Http1Connection | null)?.mode === 'ignored';
  }

  /** The agent stops: ends what is open as `detached`. */
  finish(timeNs: number): void {
    for (const state of this.#open) endAll(state, 'detached', timeNs);
    this.#open.clear();
  }

  #stateOf(connection: Connection): Http1Connection {
    const state = connection.protocol as Http1Connection | null;
    if (state !== null) return state;
    const fresh = new Http1Connection(this.#context, connection);
    connection.protocol = fresh;
    this.#open.add(fresh);
    return fresh;
  }
}
