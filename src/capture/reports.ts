/**
 * What event stores are told about connections, as they go: a report half a second after a
 * connection was first seen, one every ten seconds while it is open, and one at its end. One that
 * is over sooner has the last one only.
 *
 *   open --> fresh --(500 ms)--> told --(10 s, again and again)--> told
 *              |                  |
 *              +------ close -----+--> final report, gone
 *
 * How many bytes were moved the kernel side says at the end only, so the last report alone has
 * them. Reports leave in batches, as many as the receiver has room for.
 */
import { limits } from '../config/limits.ts';
import type { ConnectionReport, TrafficSettings } from '../handoff/messages.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { CloseEvent, Connection, ConnectionSink } from './types.ts';

type ReportSettings = Pick<TrafficSettings, 'reportsConnections' | 'reportsDns'>;

export interface ReporterOptions {
  readonly counters: Counters;
  readonly settings: ReportSettings;
  /** The agent itself. */
  readonly ownTgid: number;
  readonly emit: (reports: ConnectionReport[]) => void;
  /** Its first bytes looked like HTTP/1, and it turned out not to be. */
  readonly isGivenUp?: (connection: Connection) => boolean;
  /** The other end of a connection of the agent itself. */
  readonly isOwn?: (connection: Connection) => boolean;
  readonly underWayMax?: number;
}

interface Watched {
  readonly connection: Connection;
  readonly openedNs: number;
  readonly isStartSeen: boolean;
  part: number;
  dueNs: number;
}

const FIRST_NS = 500e6;
const INTERVAL_NS = 10e9;
const DNS_PORT = 53;
const UNKNOWN = -1;

export class ConnectionReporter implements ConnectionSink {
  readonly #options: ReporterOptions;
  readonly #underWayMax: number;
  #settings: ReportSettings;
  /** By connection id, in the order of `dueNs`. From open to the first report, or close. */
  readonly #fresh = new Map<number, Watched>();
  /** Likewise. From the first report to close. */
  readonly #told = new Map<number, Watched>();
  #reports: ConnectionReport[] = [];
  /** Reports that the receiver has not said to have taken. */
  #underWay = 0;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#underWayMax = options.underWayMax ?? limits.reportsUnderWayMax;
  }

  /** `open`: the connections there are; they are reported as well from now on, or none is. */
  change(settings: ReportSettings, open: Iterable<Connection>, nowNs: number): void {
    const wasOn = this.#settings.reportsConnections;
    this.#settings = settings;
    if (!settings.reportsConnections) {
      this.#fresh.clear();
      this.#told.clear();
    } else if (!wasOn) for (const connection of open) this.#watch(connection, nowNs, false);
  }

  open(connection: Connection, timeNs: number): void {
    this.#watch(connection, timeNs, connection.startSeen);
  }

  close(connection: Connection, event: CloseEvent): void {
    const { id } = connection;
    const watched = this.#fresh.get(id) ?? this.#told.get(id);
    if (watched === undefined) return;
    this.#fresh.delete(id);
    this.#told.delete(id);
    this.#report(watched, event.timeNs, event);
  }

  /** Makes the reports that are due and hands on what there is; some 20 times a second. */
  tick(nowNs: number): void {
    this.#tellDue(this.#fresh, nowNs);
    this.#tellDue(this.#told, nowNs);
    this.#flush();
  }

  /** Capture stops: what is still open and had no word from the kernel side is told as it is. */
  finish(nowNs: number): void {
    for (const waiting of [this.#fresh, this.#told]) {
      for (const watched of waiting.values()) this.#report(watched, nowNs);
      waiting.clear();
    }
    this.#flush();
  }

  /** The receiver has taken so many reports. */
  taken(count: number): void {
    this.#underWay -= count;
  }

  #watch(connection: Connection, openedNs: number, isStartSeen: boolean): void {
    if (!this.#isWanted(connection)) return;
    const dueNs = openedNs + FIRST_NS;
    this.#fresh.set(connection.id, { connection, openedNs, isStartSeen, part: 0, dueNs });
  }

  #isWanted(connection: Connection): boolean {
    const { ownTgid, isOwn } = this.#options;
    const { reportsConnections, reportsDns } = this.#settings;
    if (!reportsConnections || connection.process.tgid === ownTgid) return false;
    if (!reportsDns && isDns(connection)) return false;
    return isOwn?.(connection) !== true;
  }

  #tellDue(waiting: Map<number, Watched>, nowNs: number): void {
    for (const [id, watched] of waiting) {
      if (watched.dueNs > nowNs) return;
      waiting.delete(id);
      this.#report(watched, nowNs);
      watched.dueNs = nowNs + INTERVAL_NS;
      this.#told.set(id, watched);
    }
  }

  #report(watched: Watched, timeNs: number, close?: CloseEvent): void {
    if (this.#underWay + this.#reports.length >= this.#underWayMax) {
      this.#options.counters.add('dropped.reports');
      watched.part++;
      return;
    }
    const { connection, openedNs, isStartSeen } = watched;
    const isHttp1 = connection.speaks === 'http1' && this.#options.isGivenUp?.(connection) !== true;
    this.#reports.push({
      connectionId: connection.id,
      part: watched.part++,
      timeNs,
      openedNs,
      isStartSeen,
      isFinal: close !== undefined && !close.isStillOpen,
      isEndLate: close?.isLate ?? false,
      bytesReceived: close?.readPosition ?? UNKNOWN,
      bytesSent: close?.writePosition ?? UNKNOWN,
      tgid: connection.process.tgid,
      startNs: connection.process.startNs,
      comm: connection.process.comm,
      role: connection.role,
      family: connection.family,
      localAddress: connection.local.address,
      localPort: connection.local.port,
      remoteAddress: connection.remote.address,
      remotePort: connection.remote.port,
      speaks: isHttp1 || connection.speaks !== 'http1' ? connection.speaks : 'other',
    });
  }

  #flush(): void {
    if (this.#reports.length === 0) return;
    this.#underWay += this.#reports.length;
    this.#options.counters.add('capture.reports', this.#reports.length);
    this.#options.emit(this.#reports);
    this.#reports = [];
  }
}

function isDns({ family, local, remote }: Connection): boolean {
  return family !== 'unix' && (local.port === DNS_PORT || remote.port === DNS_PORT);
}
