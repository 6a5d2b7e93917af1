/**
 * Events on their way to one store: a bounded queue, one batch under way at a time, and the only
 * retry layer there is. A batch that failed is offered again with full jitter, or when the receiver
 * said to; what is not stored is counted by its reason.
 *
 *   add --> waiting --(full, or after a delay)--> batch --stored--> counted, gone
 *                                                 |  ^
 *                                           retry |  | after its delay
 *                                                 v  |
 *                                               resting --(too old, or exit)--> dropped
 */
import { jitterMs } from '../../spool/backoff.ts';
import { rest, within } from '../../spool/rest.ts';
import { Complaint } from '../../telemetry/complaint.ts';
import type { CounterName, Counters } from '../../telemetry/counters.ts';
import type { StoreLog } from '../types.ts';
import type { EventSink, EventStore, StoreEvent, WriteResult } from './types.ts';

export interface EventQueueLimits {
  readonly eventsMax: number;
  readonly bytesMax: number;
  readonly batchEventsMax: number;
  readonly batchBytesMax: number;
  /** How long a batch that is not full waits. */
  readonly delayMs: number;
  /** How long one batch is offered again. */
  readonly retryMs: number;
}

export interface EventQueueParts {
  readonly id: string | undefined;
  readonly type: 'file' | 'otel';
  readonly sink: EventSink;
  readonly limits: EventQueueLimits;
  readonly counters: Counters;
  readonly log: StoreLog;
  /** What is counted when the queue is full because the sink fails. */
  readonly failing: CounterName;
  readonly random?: () => number;
}

interface Batch {
  readonly events: readonly Uint8Array[];
  readonly sizeBytes: number;
  readonly bornMs: number;
  attempts: number;
}

const BACKOFF = { initialIntervalMs: 500, maxIntervalMs: 5_000 };

export class EventQueue implements EventStore {
  readonly id: string | undefined;
  readonly type: 'file' | 'otel';
  readonly #parts: EventQueueParts;
  readonly #random: () => number;
  readonly #abort = new AbortController();
  readonly #idle: (() => void)[] = [];
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #underWay: Batch | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isFlushing = false;
  #isFailing = false;
  #isClosed = false;
  readonly #complaint: Complaint;
  #dropped = 0;

  constructor(parts: EventQueueParts) {
    this.id = parts.id;
    this.type = parts.type;
    this.#parts = parts;
    this.#complaint = new Complaint(parts.log);
    this.#random = parts.random ?? Math.random;
  }

  /** Events and bytes that wait or are under way. */
  get events(): number {
    return this.#waiting.length + (this.#underWay?.events.length ?? 0);
  }

  get bytes(): number {
    return this.#waitingBytes + (this.#underWay?.sizeBytes ?? 0);
  }

  add(event: StoreEvent): void {
    if (this.#isClosed) return this.#drop('dropped.events_at_exit', 1);
    // Encoding costs more than all the rest: not for what has no room anyway.
    if (!this.#hasRoom(0)) return this.#refuse();
    const encoded = this.#parts.sink.encode(event);
    if (!this.#hasRoom(encoded.length)) return this.#refuse();
    this.#waiting.push(encoded);
    this.#waitingBytes += encoded.length;
    this.#schedule();
  }

  async flush(deadlineMs: number): Promise<void> {
    if (this.events === 0) return;
    this.#isFlushing = true;
    this.#schedule();
    await within(deadlineMs, new Promise<void>((resolve) => this.#idle.push(resolve)));
    this.#isFlushing = false;
  }

  async close(deadlineMs: number): Promise<void> {
    await this.flush(deadlineMs);
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#abort.abort();
    if (this.events > 0) this.#drop('dropped.events_at_exit', this.events);
    this.#waiting = [];
    await this.#parts.sink.close();
  }

  #hasRoom(bytes: number): boolean {
    const { eventsMax, bytesMax } = this.#parts.limits;
    return this.events < eventsMax && this.bytes + bytes <= bytesMax;
  }

  #refuse(): void {
    this.#drop(this.#isFailing ? this.#parts.failing : 'dropped.events_queue', 1);
  }

  #schedule(): void {
    if (this.#underWay !== undefined || this.#waiting.length === 0) return;
    const { batchEventsMax, batchBytesMax, delayMs } = this.#parts.limits;
    const isFull = this.#waiting.length >= batchEventsMax || this.#waitingBytes >= batchBytesMax;
    if (isFull || this.#isFlushing) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      void this.#carry(this.#takeBatch());
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#underWay === undefined) void this.#carry(this.#takeBatch());
    }, delayMs);
  }

  /** The oldest, as many as fit; one that is larger than a batch goes by itself. */
  #takeBatch(): Batch {
    const { batchEventsMax, batchBytesMax } = this.#parts.limits;
    let sizeBytes = 0;
    let count = 0;
    for (const event of this.#waiting) {
      const isTooMuch = count === batchEventsMax || sizeBytes + event.length > batchBytesMax;
      if (count > 0 && isTooMuch) break;
      sizeBytes += event.length;
      count++;
    }
    const events = this.#waiting.splice(0, count);
    this.#waitingBytes -= sizeBytes;
    const batch = { events, sizeBytes, bornMs: performance.now(), attempts: 0 };
    this.#underWay = batch;
    return batch;
  }

  async #carry(batch: Batch): Promise<void> {
    for (;;) {
      batch.attempts++;
      const result = await this.#parts.sink.write(batch.events, this.#abort.signal);
      // What was under way at the end has been counted then.
      if (this.#isClosed) return;
      if (result.kind !== 'retry') {
        this.#conclude(batch, result);
        break;
      }
      this.#isFailing = true;
      this.#complain(result.reason);
      const delayMs = this.#delayOf(batch, result.afterMs);
      if (delayMs === undefined) {
        this.#drop('dropped.events_expired', batch.events.length);
        break;
      }
      await rest(delayMs, this.#abort.signal);
      if (this.#isClosed) return;
      this.#parts.counters.add('events.retries');
    }
    this.#underWay = undefined;
    if (this.events === 0) for (const resolve of this.#idle.splice(0)) resolve();
    this.#schedule();
  }

  #conclude({ events }: Batch, result: Exclude<WriteResult, { kind: 'retry' }>): void {
    const { counters } = this.#parts;
    this.#isFailing = false;
    if (result.kind === 'refused') {
      this.#complain(result.reason);
      this.#drop('dropped.events_refused', events.length);
      return;
    }
    const rejected = Math.min(result.rejected, events.length);
    counters.add('events.stored', events.length - rejected);
    if (rejected > 0) this.#drop('dropped.events_rejected', rejected);
    if (rejected > 0 || result.message !== '') {
      this.#complain(`${rejected} events rejected: ${result.message || 'no reason given'}`);
    } else this.#recover();
  }

  #drop(reason: CounterName, events: number): void {
    this.#dropped += events;
    this.#parts.counters.add(reason, events);
  }

  /** undefined: too old to be offered once more. */
  #delayOf(batch: Batch, afterMs: number | undefined): number | undefined {
    const failures = afterMs === undefined ? batch.attempts - 1 : 0;
    const delayMs = (afterMs ?? 0) + jitterMs(BACKOFF, failures, this.#random);
    const ageMs = performance.now() - batch.bornMs;
    return ageMs + delayMs > this.#parts.limits.retryMs ? undefined : delayMs;
  }

  /** Capture goes on whatever the store does. */
  #complain(reason: string): void {
    this.#complaint.say(
      () =>
        `event store ${this.#parts.sink.target}: ${reason}; ${this.events} events waiting, ` +
        `${this.#dropped} dropped so far; capturing goes on`,
    );
  }

  #recover(): void {
    this.#complaint.end(`event store ${this.#parts.sink.target}: takes events again`);
  }
}
