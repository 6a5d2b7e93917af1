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
 * What waits, and what goes to disk when, is the outbox's (spool/outbox.ts). The store that stalls
 * or refuses is asked by one write at a time, with full jitter.
 */
import { CodedSpool } from '../spool/coded-spool.ts';
import { Outbox, type Parcel } from '../spool/outbox.ts';
import { within } from '../spool/rest.ts';
import type { Spool } from '../spool/spool.ts';
import type { CounterName, Counters } from '../telemetry/counters.ts';
import { StoreHealth } from './health.ts';
import { OBJECTS, type SpooledObject } from './object-codec.ts';
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

type Item = Parcel<SpooledObject>;

export const SPOOL_NAMES = {
  failed: 'store.spool_failed',
  kept: 'store.spooled',
  full: 'store.spool_full',
  damagedBytes: 'store.spool_damaged_bytes',
} as const;

export class ObjectWriter {
  readonly #parts: WriterParts;
  readonly #outbox: Outbox<SpooledObject>;
  readonly #abort = new AbortController();
  readonly #idle: (() => void)[] = [];
  readonly #health: StoreHealth;
  #isClosed = false;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    const { store, spool, limits, retry, counters, log, random = Math.random } = parts;
    const describe = () => this.#describe();
    const onDue = () => this.#next();
    const { target } = store;
    this.#health = new StoreHealth({ target, retry, counters, log, describe, onDue, random });
    this.#outbox = new Outbox({
      limits: { ...limits, unitsMax: Number.POSITIVE_INFINITY, bytesMax: limits.queueBytesMax },
      weigh: OBJECTS.weigh,
      spool: spool && new CodedSpool(spool, OBJECTS, counters, SPOOL_NAMES),
      onMore: onDue,
    });
    this.#next();
  }

  /** Bytes in memory that are not on disk, waiting or under way. */
  get bytes(): number {
    return this.#outbox.bytes;
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
    if (!this.#outbox.hasRoom(1, sizeBytes)) return this.#refuse(this.#fullReason());
    this.#outbox.push({ object, bornMs: Date.now() });
    this.#next();
    return true;
  }

  /** Resolves when nothing waits any more, in memory or on disk, or the deadline passed. */
  async flush(deadlineMs: number): Promise<void> {
    if (this.#isIdle) return;
    await within(deadlineMs, new Promise<void>((resolve) => this.#idle.push(resolve)));
  }

  /** `flush`; what is left goes to the spool for the next process, or is counted. */
  async close(deadlineMs: number): Promise<void> {
    await this.flush(deadlineMs);
    this.#isClosed = true;
    this.#health.stop();
    this.#abort.abort();
    this.#outbox.close();
    const lost = this.#outbox.units;
    const unwritten = (await this.#parts.spool?.close())?.length ?? 0;
    if (lost + unwritten > 0) this.#parts.counters.add('dropped.store_at_exit', lost + unwritten);
    await this.#parts.store.close();
  }

  get #isIdle(): boolean {
    return this.#outbox.isEmpty && this.#parts.spool?.hasWaiting !== true;
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

  #next(): void {
    while (this.#mayStart() && this.#outbox.take((item) => this.#start(item)));
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #mayStart(): boolean {
    if (this.#isClosed) return false;
    const { underWay } = this.#outbox;
    if (this.isAway) return underWay === 0 && this.#health.isDue;
    return underWay < this.#parts.limits.requestsMax;
  }

  #start(item: Item): void {
    void this.#parts.store.put(item.value.object, this.#abort.signal).then((result) => {
      this.#conclude(item, result);
      this.#next();
    });
  }

  #conclude(item: Item, result: PutResult): void {
    const { counters, retry } = this.#parts;
    if (result.kind === 'retry') {
      if (!this.#isClosed) this.#health.failed(result);
      const isTooOld = Date.now() - item.value.bornMs > retry.maxElapsedTimeMs;
      if (isTooOld || !retry.enabled) return this.#drop(item, 'dropped.store_expired');
      return this.#outbox.putBack(item);
    }
    if (result.kind === 'refused') {
      this.#health.complain(result.reason);
      return this.#drop(item, result.isFull ? 'dropped.store_disk' : 'dropped.store_refused');
    }
    this.#health.succeeded();
    if (result.kind === 'existed') counters.add('store.existed');
    else {
      counters.add('store.objects');
      counters.add('store.bytes', item.value.object.bytes.length);
    }
    this.#outbox.done(item);
  }

  #drop(item: Item, reason: CounterName): void {
    this.#parts.counters.add(reason);
    this.#parts.onDropped?.(item.value.object.key);
    this.#outbox.done(item);
  }

  #describe(): string {
    const { spool, counters } = this.#parts;
    const spooled = spool === undefined ? 'no spool' : `${spool.bytes} bytes in the spool`;
    const dropped = DROPPED.reduce((sum, name) => sum + counters.get(name), 0);
    return `${this.bytes} bytes waiting in memory, ${spooled}, ${dropped} objects dropped so far`;
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
