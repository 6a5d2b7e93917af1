/**
 * Objects on their way to one store: a bounded queue in memory, a bounded spool on disk behind it,
 * and the only retry layer there is. Handing over never waits and never fails; what does not fit
 * is counted by its reason.
 *
 *   offer --> memory --(place free)--> under way --stored--> counted, gone
 *               |                       |    ^
 *               | after 100 ms          |    | after the delay; one at a time until one succeeds
 *               v                 retry v    |
 *             spool ---------------> failed -+--(too old, refused)--> dropped
 *
 * Whatever is not stored after the spool delay, under way or not, is on disk: that delay is what
 * kill -9 can take. The store that stalls or refuses is asked by one write at a time, with full
 * jitter.
 */

import type { SpoolEntry } from '../spool/entry.ts';
import { within } from '../spool/rest.ts';
import type { Spool } from '../spool/spool.ts';
import type { CounterName, Counters } from '../telemetry/counters.ts';
import { StoreHealth } from './health.ts';
import { decodeObject, encodeObject } from './object-codec.ts';
import type { RetryOptions } from './options.ts';
import type { ObjectStore, PutResult, StoredObject, StoreLog } from './types.ts';

export interface WriterLimits {
  readonly queueBytesMax: number;
  readonly requestsMax: number;
  readonly objectBytesMax: number;
  readonly spoolDelayMs: number;
}

export interface WriterParts {
  readonly store: ObjectStore;
  /** undefined: what does not fit into memory is dropped. */
  readonly spool: Spool | undefined;
  readonly limits: WriterLimits;
  readonly retry: RetryOptions;
  readonly counters: Counters;
  readonly log: StoreLog;
  /** An object that was taken and is dropped after all. */
  readonly onDropped?: (key: string) => void;
  readonly random?: () => number;
}

interface Item {
  readonly object: StoredObject;
  /** Unix milliseconds, so that it means something after a restart. */
  readonly bornMs: number;
  readonly offeredMs: number;
  /** Counts against the queue. */
  readonly isQueued: boolean;
  /** Its place in the spool. */
  entry: SpoolEntry | undefined;
}

export class ObjectWriter {
  readonly #parts: WriterParts;
  readonly #memory: Item[] = [];
  /** Not on disk; offered again before anything else. */
  readonly #failed: Item[] = [];
  readonly #underWay = new Set<Item>();
  readonly #abort = new AbortController();
  readonly #idle: (() => void)[] = [];
  #bytes = 0;
  readonly #health: StoreHealth;
  #spoolTimer: NodeJS.Timeout | undefined;
  #isPumping = false;
  #isDirty = false;
  #isClosed = false;
  #prefersSpool = false;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    const { store, retry, counters, log, random = Math.random } = parts;
    const describe = () => this.#describe();
    const onDue = () => this.#pump();
    const { target } = store;
    this.#health = new StoreHealth({ target, retry, counters, log, describe, onDue, random });
    if (parts.spool?.hasWaiting) this.#pump();
  }

  /** Bytes in memory, waiting or under way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the store refuses at present. */
  get isAway(): boolean {
    return this.#health.isAway;
  }

  /** Takes the object, or counts why not. The bytes belong to the writer from now on. */
  offer(object: StoredObject): boolean {
    const { limits } = this.#parts;
    const sizeBytes = object.bytes.length;
    if (this.#isClosed) return this.#refuse('dropped.store_at_exit');
    if (sizeBytes > limits.objectBytesMax) return this.#refuse('dropped.store_too_large');
    if (this.#bytes + sizeBytes > limits.queueBytesMax) this.#spill(0);
    if (this.#bytes + sizeBytes > limits.queueBytesMax) return this.#refuse(this.#fullReason());
    const offeredMs = performance.now();
    const item = { object, bornMs: Date.now(), offeredMs, isQueued: true, entry: undefined };
    this.#memory.push(item);
    this.#bytes += sizeBytes;
    this.#scheduleSpill();
    this.#pump();
    return true;
  }

  /** Resolves when nothing waits any more, in memory or on disk, or the deadline passed. */
  async flush(deadlineMs: number): Promise<void> {
    if (this.#isIdle && !this.#isPumping) return;
    await within(deadlineMs, new Promise<void>((resolve) => this.#idle.push(resolve)));
  }

  /** `flush`; what is left goes to the spool for the next process, or is counted. */
  async close(deadlineMs: number): Promise<void> {
    await this.flush(deadlineMs);
    this.#isClosed = true;
    this.#health.stop();
    clearTimeout(this.#spoolTimer);
    this.#abort.abort();
    this.#spill(0);
    const left = [...this.#memory, ...this.#failed, ...this.#underWay];
    const lost = left.filter(({ entry }) => entry === undefined).length;
    const unwritten = (await this.#parts.spool?.close())?.length ?? 0;
    if (lost + unwritten > 0) this.#parts.counters.add('dropped.store_at_exit', lost + unwritten);
    await this.#parts.store.close();
  }

  get #isIdle(): boolean {
    const isEmpty = this.#memory.length + this.#failed.length + this.#underWay.size === 0;
    return isEmpty && this.#parts.spool?.hasWaiting !== true;
  }

  #refuse(reason: CounterName): false {
    this.#parts.counters.add(reason);
    return false;
  }

  #fullReason(): CounterName {
    const { spool } = this.#parts;
    if (spool === undefined) return 'dropped.store_queue';
    return spool.isFailing ? 'dropped.store_spool_failed' : 'dropped.store_spool_full';
  }

  // Memory to disk

  #scheduleSpill(): void {
    const { spool, limits } = this.#parts;
    if (spool === undefined || this.#isClosed) return;
    // Looked at twice within the delay, so that nothing is older than it.
    this.#spoolTimer ??= setTimeout(() => {
      this.#spoolTimer = undefined;
      this.#spill(limits.spoolDelayMs / 2);
      this.#pump();
      if (this.#bytes > 0 && this.#hasUnspooled()) this.#scheduleSpill();
    }, limits.spoolDelayMs / 2);
  }

  #hasUnspooled(): boolean {
    const waiting = this.#memory.length + this.#failed.length;
    return waiting > 0 || [...this.#underWay].some(({ entry }) => entry === undefined);
  }

  /** Puts on disk what was offered so long ago, as far as there is room. */
  #spill(ageMs: number): void {
    const { spool } = this.#parts;
    if (spool === undefined) return;
    const beforeMs = performance.now() - ageMs;
    for (const item of this.#underWay) {
      if (item.entry !== undefined || item.offeredMs > beforeMs) continue;
      item.entry = spool.insure(encodeObject(item));
      if (!this.#noteSpooled(item.entry !== undefined)) return;
    }
    this.#spillWaiting(this.#failed, spool, beforeMs);
    this.#spillWaiting(this.#memory, spool, beforeMs);
  }

  #spillWaiting(waiting: Item[], spool: Spool, beforeMs: number): void {
    let count = 0;
    for (const item of waiting) {
      if (item.offeredMs > beforeMs) break;
      if (!this.#noteSpooled(spool.append(encodeObject(item)))) break;
      this.#bytes -= item.object.bytes.length;
      count++;
    }
    waiting.splice(0, count);
  }

  #noteSpooled(isSpooled: boolean): boolean {
    this.#parts.counters.add(isSpooled ? 'store.spooled' : 'store.spool_full');
    return isSpooled;
  }

  // To the store

  #pump(): void {
    this.#isDirty = true;
    if (this.#isPumping) return;
    this.#isPumping = true;
    void this.#fill();
  }

  async #fill(): Promise<void> {
    while (this.#isDirty && !this.#isClosed) {
      this.#isDirty = false;
      while (this.#mayStart()) {
        const item = await this.#nextItem();
        // What was taken from the spool at the last moment is still there.
        if (item === undefined || this.#isClosed) break;
        this.#start(item);
      }
    }
    this.#isPumping = false;
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #mayStart(): boolean {
    if (this.#isClosed) return false;
    if (!this.isAway) return this.#underWay.size < this.#parts.limits.requestsMax;
    return this.#underWay.size === 0 && this.#health.isDue;
  }

  /** What failed first; then memory and disk by turns, so that neither waits for the other's end. */
  async #nextItem(): Promise<Item | undefined> {
    const failed = this.#failed.shift();
    if (failed !== undefined) return failed;
    this.#prefersSpool = !this.#prefersSpool;
    if (this.#prefersSpool) return (await this.#takeSpooled()) ?? this.#memory.shift();
    return this.#memory.shift() ?? (await this.#takeSpooled());
  }

  async #takeSpooled(): Promise<Item | undefined> {
    const { spool } = this.#parts;
    if (spool?.hasWaiting !== true) return undefined;
    for (let entry = await spool.take(); entry !== undefined; entry = await spool.take()) {
      const found = decodeObject(entry.payload);
      if (found === undefined) {
        this.#parts.counters.add('store.spool_damaged_bytes', entry.payload.length);
        entry.ack();
        continue;
      }
      return { ...found, offeredMs: 0, isQueued: false, entry };
    }
    return undefined;
  }

  #start(item: Item): void {
    this.#underWay.add(item);
    void this.#parts.store.put(item.object, this.#abort.signal).then((result) => {
      this.#underWay.delete(item);
      this.#conclude(item, result);
      this.#pump();
    });
  }

  #conclude(item: Item, result: PutResult): void {
    const { counters, retry } = this.#parts;
    if (result.kind === 'retry') {
      if (!this.#isClosed) this.#health.failed(result);
      const isTooOld = Date.now() - item.bornMs > retry.maxElapsedTimeMs;
      if (isTooOld || !retry.enabled) return this.#drop(item, 'dropped.store_expired');
      this.#putBack(item);
      return;
    }
    if (result.kind === 'refused') {
      this.#health.complain(result.reason);
      return this.#drop(item, result.isFull ? 'dropped.store_disk' : 'dropped.store_refused');
    }
    this.#health.succeeded();
    if (result.kind === 'existed') counters.add('store.existed');
    else {
      counters.add('store.objects');
      counters.add('store.bytes', item.object.bytes.length);
    }
    this.#finish(item);
  }

  /** What is on disk already need not be held in memory as well. */
  #putBack(item: Item): void {
    if (item.entry === undefined) {
      this.#failed.push(item);
      this.#scheduleSpill();
      return;
    }
    item.entry.release();
    if (item.isQueued) this.#bytes -= item.object.bytes.length;
  }

  #drop(item: Item, reason: CounterName): void {
    this.#parts.counters.add(reason);
    this.#parts.onDropped?.(item.object.key);
    this.#finish(item);
  }

  #finish(item: Item): void {
    item.entry?.ack();
    if (item.isQueued) this.#bytes -= item.object.bytes.length;
  }

  #describe(): string {
    const { spool, counters } = this.#parts;
    const spooled = spool === undefined ? 'no spool' : `${spool.bytes} bytes in the spool`;
    const dropped = DROPPED.reduce((sum, name) => sum + counters.get(name), 0);
    return `${this.#bytes} bytes waiting in memory, ${spooled}, ${dropped} objects dropped so far`;
  }
}

const DROPPED: readonly CounterName[] = [
  'dropped.store_queue',
  'dropped.store_spool_full',
  'dropped.store_spool_failed',
  'dropped.store_expired',
  'dropped.store_refused',
  'dropped.store_too_large',
  'dropped.store_disk',
];
