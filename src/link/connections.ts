/**
 * Connections as the link stage sees them: the recent exchanges of each, how far both directions
 * were seen and where bytes are missing, and which connection is its other end on this host.
 *
 * A connection stays for a grace time after its close, because the write that an exchange caused
 * may be recorded after it (another thread, recorded at its return).
 */
import type { Connection } from '../capture/types.ts';
import type { LinkNode } from './node.ts';
import type { Pair } from './pairs.ts';
import type { ProcessState } from './processes.ts';

/**
 * Ended exchanges that stay findable on a connection: a few, and those of the time in which an
 * egress write may still be recorded late.
 */
const RECENT_MIN = 4;
const RECENT_MAX = 64;
const RECENT_NS = 50e6;

export class ConnectionState {
  readonly connection: Connection;
  /** The process that used it last; null before the first use. */
  owner: ProcessState | null = null;
  /** Exchanges in the order of their requests: all open ones and some that ended. */
  newest: LinkNode | null = null;
  #oldest: LinkNode | null = null;
  #count = 0;
  /** Of the newest exchange that is no longer remembered; -1 when there was none. */
  forgottenStart = -1;
  /** End of that exchange's response; 0 unknown. */
  forgottenResponseEnd = 0;
  forgottenEndNs = 0;
  /** Bytes seen in each direction, as positions. */
  readNext: number;
  writeNext: number;
  /** Where the last gap in what was read ends; -1 when nothing is missing. */
  gapEnd = -1;
  /** Bytes are missing in what was written: responses may have been taken for one another. */
  hasWriteGap = false;
  /** Both ends on this host; null until the role is known, or when that cannot be. */
  pair: Pair | null = null;
  isPairTried = false;
  isClosed = false;
  /** A connection of the agent itself, or the other end of one. */
  isOwn = false;

  constructor(connection: Connection) {
    this.connection = connection;
    this.readNext = connection.readPosition;
    this.writeNext = connection.writePosition;
  }

  get hasWritten(): boolean {
    return this.writeNext > this.connection.writePosition;
  }

  push(node: LinkNode, nowNs: number): void {
    node.before = this.newest;
    if (this.newest === null) this.#oldest = node;
    else this.newest.after = node;
    this.newest = node;
    this.#count++;
    while (this.#count > RECENT_MIN && this.#mayForget(nowNs)) this.#forgetOldest();
  }

  #mayForget(nowNs: number): boolean {
    const oldest = this.#oldest;
    if (oldest === null || !oldest.hasEnded) return false;
    return this.#count > RECENT_MAX || oldest.endNs <= nowNs - RECENT_NS;
  }

  #forgetOldest(): void {
    const node = this.#oldest;
    if (node === null) return;
    this.#oldest = node.after;
    if (node.after !== null) node.after.before = null;
    node.after = null;
    this.#count--;
    this.forgottenStart = node.headStart;
    this.forgottenResponseEnd = node.responseEnd;
    this.forgottenEndNs = node.endNs;
  }

  /** The exchange with this ordinal, if it is known and was not forgotten. */
  byOrdinal(ordinal: number): LinkNode | null {
    let node = this.newest;
    while (node !== null && node.ordinal !== ordinal) node = node.before;
    return node;
  }

  /** Notes the bytes [position, end) of one direction. */
  seen(isWrite: boolean, position: number, end: number): void {
    if (isWrite) {
      if (position > this.writeNext) this.hasWriteGap = true;
      if (end > this.writeNext) this.writeNext = end;
      return;
    }
    if (position > this.readNext) this.gapEnd = position;
    if (end > this.readNext) this.readNext = end;
  }

  /** Exchanges are missing before the bytes that come next. */
  missed(): void {
    this.gapEnd = Math.max(this.readNext, this.connection.readPosition);
  }
}

interface Closing {
  readonly state: ConnectionState;
  readonly closedNs: number;
}

export class Connections {
  readonly #graceNs: number;
  readonly #purged: (state: ConnectionState) => void;
  /** Key: connection id. Inserted at first sight, deleted a grace time after close. */
  readonly #byId = new Map<number, ConnectionState>();
  /** Oldest first; `#closingHead` is the first that is still kept. */
  #closing: Closing[] = [];
  #closingHead = 0;

  constructor(graceNs: number, purged: (state: ConnectionState) => void) {
    this.#graceNs = graceNs;
    this.#purged = purged;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: number): ConnectionState | undefined {
    return this.#byId.get(id);
  }

  of(connection: Connection): ConnectionState {
    // The slot is ours: nothing else is ever stored there.
    const known = connection.link as ConnectionState | null | undefined;
    if (known !== null && known !== undefined) return known;
    const state = new ConnectionState(connection);
    connection.link = state;
    this.#byId.set(connection.id, state);
    return state;
  }

  close(connection: Connection, timeNs: number): void {
    const state = this.#byId.get(connection.id);
    if (state === undefined || state.isClosed) return;
    state.isClosed = true;
    this.#closing.push({ state, closedNs: timeNs });
  }

  /** Forgets what was closed a grace time ago. */
  tick(nowNs: number): void {
    while (this.#closingHead < this.#closing.length) {
      const { state, closedNs } = this.#closing[this.#closingHead];
      if (nowNs - closedNs < this.#graceNs) break;
      this.#closingHead++;
      this.#byId.delete(state.connection.id);
      this.#purged(state);
    }
    if (this.#closingHead === 0) return;
    this.#closing.splice(0, this.#closingHead);
    this.#closingHead = 0;
  }
}
