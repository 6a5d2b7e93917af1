/**
 * Values on their way to a receiver that may be away: in memory within bounds, on disk behind that
 * when there is a spool. What was pushed and is not done after the spool delay, under way or not,
 * is on disk: that delay is what kill -9 can take of it.
 *
 *   push --> memory --take--> under way --done--> gone
 *               |                |  ^
 *               | after the      |  | take, by turns with memory; after a restart, too
 *               v delay          v  |
 *             spool <-----------put back
 */
import type { Codec, Found, ValueSpool } from './coded-spool.ts';
import type { SpoolEntry } from './entry.ts';

export interface OutboxLimits {
  /** In memory and not on disk. */
  readonly unitsMax: number;
  readonly bytesMax: number;
  /** After this time it is on disk. */
  readonly spoolDelayMs: number;
}

export interface OutboxParts<T> {
  readonly limits: OutboxLimits;
  readonly weigh: Codec<T>['weigh'];
  /** undefined: values wait in memory only. */
  readonly spool: ValueSpool<T> | undefined;
  /** There may be more to take: what moved to disk, or the next of the spool. */
  readonly onMore: () => void;
  /** Takes what was pushed and is of no use in memory any more. */
  readonly release?: ((value: T) => void) | undefined;
}

export interface Parcel<T> {
  readonly value: T;
  /** On the monotonic clock; of what comes from disk, when it was read. */
  readonly sinceMs: number;
  /** Released when it is done. */
  readonly isPushed: boolean;
  /** Counts against the bounds of memory: pushed, and not on disk. */
  isCounted: boolean;
  /** Its place in the spool. */
  entry: SpoolEntry | undefined;
}

export class Outbox<T> {
  readonly #parts: OutboxParts<T>;
  readonly #waiting: Parcel<T>[] = [];
  /** Taken, and to be taken again before those that wait. */
  readonly #failed: Parcel<T>[] = [];
  readonly #underWay = new Set<Parcel<T>>();
  #units = 0;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #isTaking = false;
  #isSpoolsTurn = false;
  #isClosed = false;

  constructor(parts: OutboxParts<T>) {
    this.#parts = parts;
  }

  /** Units and bytes in memory that are not on disk: waiting or under way. */
  get units(): number {
    return this.#units;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Parcels that were taken and are not done, one that is being read included. */
  get underWay(): number {
    return this.#underWay.size + Number(this.#isTaking);
  }

  /** Nothing waits in memory, and nothing is under way. */
  get isEmpty(): boolean {
    return this.#waiting.length + this.#failed.length + this.underWay === 0;
  }

  /** Whether as much more would still fit, if need be with what is there moved to disk. */
  hasRoom(units: number, bytes: number): boolean {
    if (this.#fits(units, bytes)) return true;
    this.#spill(0);
    return this.#fits(units, bytes);
  }

  push(value: T): void {
    const { units, bytes } = this.#parts.weigh(value);
    this.#units += units;
    this.#bytes += bytes;
    const sinceMs = performance.now();
    this.#waiting.push({ value, sinceMs, isPushed: true, isCounted: true, entry: undefined });
    this.#schedule();
  }

  /** Hands one out, at once or when it was read; false when there is none. */
  take(start: (parcel: Parcel<T>) => void): boolean {
    // Memory and disk by turns, so that neither waits for the other's end.
    this.#isSpoolsTurn = !this.#isSpoolsTurn;
    if (this.#isSpoolsTurn && this.#takeSpooled(start)) return true;
    const parcel = this.#failed.shift() ?? this.#waiting.shift();
    if (parcel === undefined) return this.#takeSpooled(start);
    this.#underWay.add(parcel);
    start(parcel);
    return true;
  }

  /** Accepted, or given up. */
  done(parcel: Parcel<T>): void {
    parcel.entry?.ack();
    this.#forget(parcel);
  }

  /** Leaves to the disk what is to be taken again; false when there is no room, or no spool. */
  keep(parcel: Parcel<T>): boolean {
    if (parcel.entry !== undefined) parcel.entry.release();
    else if (this.#parts.spool?.append(parcel.value) !== true) return false;
    this.#forget(parcel);
    return true;
  }

  /** Is taken again: from disk when it is there, else before the others that wait in memory. */
  putBack(parcel: Parcel<T>): void {
    if (parcel.entry !== undefined) {
      this.keep(parcel);
      return;
    }
    this.#underWay.delete(parcel);
    this.#failed.push(parcel);
    this.#schedule();
  }

  /**
   * Everything to the disk. What waits and finds no room there is returned; `units` says how much
   * of that and of what is under way a restart does not find.
   */
  close(): Parcel<T>[] {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#spill(0);
    return [...this.#failed.splice(0), ...this.#waiting.splice(0)];
  }

  #fits(units: number, bytes: number): boolean {
    const { unitsMax, bytesMax } = this.#parts.limits;
    return this.#units + units <= unitsMax && this.#bytes + bytes <= bytesMax;
  }

  #takeSpooled(start: (parcel: Parcel<T>) => void): boolean {
    const { spool, onMore } = this.#parts;
    if (spool === undefined || this.#isTaking || !spool.hasWaiting) return false;
    this.#isTaking = true;
    void spool.take().then((found) => {
      this.#isTaking = false;
      if (found !== undefined) this.#handOut(found, start);
      onMore();
    });
    return true;
  }

  #handOut({ value, entry }: Found<T>, start: (parcel: Parcel<T>) => void): void {
    // What is taken at the last moment is still there for the next process.
    if (this.#isClosed) return entry.release();
    const sinceMs = performance.now();
    const parcel = { value, sinceMs, isPushed: false, isCounted: false, entry };
    this.#underWay.add(parcel);
    start(parcel);
  }

  /** It is of no use in memory any more. */
  #forget(parcel: Parcel<T>): void {
    this.#underWay.delete(parcel);
    this.#uncount(parcel);
    if (parcel.isPushed) this.#parts.release?.(parcel.value);
  }

  #uncount(parcel: Parcel<T>): void {
    if (!parcel.isCounted) return;
    parcel.isCounted = false;
    const { units, bytes } = this.#parts.weigh(parcel.value);
    this.#units -= units;
    this.#bytes -= bytes;
  }

  #schedule(): void {
    const { spool, limits, onMore } = this.#parts;
    if (spool === undefined || this.#isClosed) return;
    // Looked at twice within the delay, so that nothing is older than it.
    const intervalMs = limits.spoolDelayMs / 2;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#spill(intervalMs);
      if (this.#units > 0) this.#schedule();
      onMore();
    }, intervalMs);
  }

  /** Puts on disk what was pushed so long ago, as far as there is room. */
  #spill(ageMs: number): void {
    const { spool } = this.#parts;
    if (spool === undefined) return;
    const beforeMs = performance.now() - ageMs;
    for (const parcel of this.#underWay) {
      if (parcel.entry !== undefined || parcel.sinceMs > beforeMs) continue;
      parcel.entry = spool.insure(parcel.value);
      if (parcel.entry === undefined) return;
      // It stays in memory, as any that is under way and came from disk.
      this.#uncount(parcel);
    }
    this.#spillWaiting(this.#failed, spool, beforeMs);
    this.#spillWaiting(this.#waiting, spool, beforeMs);
  }

  #spillWaiting(waiting: Parcel<T>[], spool: ValueSpool<T>, beforeMs: number): void {
    let count = 0;
    for (const parcel of waiting) {
      if (parcel.sinceMs > beforeMs || !spool.append(parcel.value)) break;
      this.#forget(parcel);
      count++;
    }
    waiting.splice(0, count);
  }
}
