/**
 * Sealed requests on their way out: a bounded queue, a few requests under way at once, and the
 * only retry layer there is. Everything that does not arrive is counted by its reason.
 *
 *   waiting --(place free)--> under way --accepted--> counted, gone
 *                               |  ^
 *                         retry |  | after its delay (full jitter, or what the collector said)
 *                               v  |
 *                              resting --(too old, or exit)--> dropped
 *
 * With a spool, a request that failed is on disk instead, with all that waited longer than the
 * spool delay (spool/outbox.ts), and the collector is asked by one request at a time until it
 * accepts one. What a crash caught between its arrival and the mark of it on disk is sent twice.
 */
import { Backoff, jitterMs } from '../spool/backoff.ts';
import { Outbox, type Parcel } from '../spool/outbox.ts';
import { rest } from '../spool/rest.ts';
import { Complaint, type ComplaintLog } from '../telemetry/complaint.ts';
import type { CounterName, Counters } from '../telemetry/counters.ts';
import type { SpanSpool } from './span-spool.ts';
import { REQUESTS, type SpooledBody } from './spool-record.ts';
import type { Encoding, SendResult, Transport } from './types.ts';

export interface QueueLimits {
  /** In memory and not on disk. */
  readonly spansMax: number;
  readonly bytesMax: number;
  /** After this time a request is on disk. */
  readonly spoolDelayMs: number;
  readonly requestsMax: number;
  /** How long one request is offered again from memory. */
  readonly retryMs: number;
  /** false: what was not taken at once is given up; a spool keeps it all the same. */
  readonly isRetried?: boolean;
  readonly backoff?: { readonly initialIntervalMs: number; readonly maxIntervalMs: number };
}

export interface QueueParts {
  readonly transport: Transport;
  readonly limits: QueueLimits;
  readonly counters: Counters;
  readonly log: ComplaintLog;
  /** Of the bodies that are pushed. */
  readonly encoding: Encoding;
  /** undefined: requests wait in memory only. */
  readonly spool?: SpanSpool | undefined;
  /** Takes bodies that are of no use any more. */
  readonly release?: (body: Uint8Array) => void;
  readonly random?: () => number;
}

type Request = Parcel<SpooledBody>;

const BACKOFF = { initialIntervalMs: 500, maxIntervalMs: 5_000 };

export class ExportQueue {
  readonly #parts: QueueParts;
  readonly #outbox: Outbox<SpooledBody>;
  readonly #random: () => number;
  readonly #intervals: typeof BACKOFF;
  readonly #backoff: Backoff;
  readonly #complaint: Complaint;
  readonly #abort = new AbortController();
  readonly #idle: (() => void)[] = [];
  #isClosed = false;
  #isFailing = false;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  readonly #onMore = () => this.#next();

  constructor(parts: QueueParts) {
    this.#parts = parts;
    this.#random = parts.random ?? Math.random;
    const { limits, spool, release } = parts;
    this.#outbox = new Outbox({
      limits: { ...limits, unitsMax: limits.spansMax },
      weigh: REQUESTS.weigh,
      spool,
      onMore: this.#onMore,
      release: release && (({ body }) => release(body)),
    });
    this.#intervals = limits.backoff ?? BACKOFF;
    this.#backoff = new Backoff(this.#intervals, this.#random, this.#onMore);
    this.#complaint = new Complaint(parts.log);
    spool?.join(this.#onMore);
  }

  /** Spans and bytes in memory that are not on disk: waiting, resting or under way. */
  get spans(): number {
    return this.#outbox.units;
  }

  get bytes(): number {
    return this.#outbox.bytes;
  }

  /** Whether as much more would still fit. */
  hasRoom(spans: number, bytes: number): boolean {
    return this.#outbox.hasRoom(spans, bytes);
  }

  /** The body belongs to the queue until it is released. */
  push(body: Uint8Array, spans: number): void {
    if (this.#isClosed) return this.#parts.counters.add('dropped.at_exit', spans);
    this.#outbox.push({ body, spans, encoding: this.#parts.encoding });
    this.#next();
  }

  /**
   * Resolves when everything was sent or given up; with a spool and a collector that is away, when
   * everything is on disk.
   */
  async drained(): Promise<void> {
    if (this.#isIdle) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Leaves what is there to the spool, or gives it up; counted. */
  async close(): Promise<void> {
    const { spool, counters, transport } = this.#parts;
    this.#isClosed = true;
    this.#backoff.stop();
    for (const request of this.#outbox.close()) this.#drop(request, 'dropped.at_exit');
    this.#abort.abort();
    await this.drained();
    const unwritten = (await spool?.leave(this.#onMore)) ?? 0;
    if (unwritten > 0) counters.add('dropped.at_exit', unwritten);
    transport.close();
  }

  get #isIdle(): boolean {
    if (!this.#outbox.isEmpty) return false;
    return this.#isClosed || this.#backoff.isAway || this.#parts.spool?.hasWaiting !== true;
  }

  #next(): void {
    while (this.#mayStart() && this.#outbox.take((request) => this.#start(request)));
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #mayStart(): boolean {
    if (this.#isClosed) return false;
    const { underWay } = this.#outbox;
    if (this.#backoff.isAway) return underWay === 0 && this.#backoff.isDue;
    return underWay < this.#parts.limits.requestsMax;
  }

  #start(request: Request): void {
    void this.#carry(request).then(() => this.#next());
  }

  async #carry(request: Request): Promise<void> {
    for (let failures = 0; ; failures++) {
      const pauseMs = this.#pausedUntilMs - performance.now();
      if (pauseMs > 0) await rest(pauseMs, this.#abort.signal);
      const result = await this.#attempt(request.value);
      if (result.kind !== 'retry') return this.#conclude(request, result);
      this.#complain(result.reason);
      if (this.#parts.spool !== undefined) return this.#setAside(request, result.afterMs);
      if (result.afterMs !== undefined) this.#pause(result.afterMs);
      const delayMs = this.#delayOf(request, failures, result.afterMs);
      if (this.#isClosed) return this.#drop(request, 'dropped.at_exit');
      if (delayMs === undefined) return this.#drop(request, 'dropped.export_expired');
      await rest(delayMs, this.#abort.signal);
      this.#parts.counters.add('export.retries');
    }
  }

  async #attempt({ body, encoding }: SpooledBody): Promise<SendResult> {
    if (this.#isClosed) return { kind: 'retry', reason: 'closing', afterMs: undefined };
    const { counters, transport } = this.#parts;
    counters.add('export.requests');
    counters.add('export.bytes', body.length);
    return transport.send(body, this.#abort.signal, encoding);
  }

  #conclude(request: Request, result: Exclude<SendResult, { kind: 'retry' }>): void {
    const { counters } = this.#parts;
    this.#backoff.succeeded();
    if (result.kind === 'refused') {
      this.#drop(request, 'dropped.refused');
      this.#complain(result.reason);
      return;
    }
    const { spans } = request.value;
    const rejected = Math.min(result.rejected, spans);
    counters.add('export.spans', spans - rejected);
    if (rejected > 0) counters.add('dropped.rejected', rejected);
    this.#outbox.done(request);
    if (rejected > 0 || result.message !== '') {
      this.#complain(`${rejected} spans rejected: ${result.message || 'no reason given'}`);
    } else this.#recover();
  }

  #drop(request: Request, reason: CounterName): void {
    this.#parts.counters.add(reason, request.value.spans);
    this.#outbox.done(request);
  }

  /** With a spool: to the disk, since it will take a while; or to wait in memory. */
  #setAside(request: Request, afterMs: number | undefined): void {
    const { limits, counters } = this.#parts;
    if (!this.#isClosed) {
      this.#backoff.failed(Math.min(afterMs ?? 0, limits.retryMs));
      counters.add('export.retries');
    }
    if (this.#outbox.keep(request)) return;
    if (this.#isClosed) return this.#drop(request, 'dropped.at_exit');
    if (this.#isTooOld(request, 0)) return this.#drop(request, 'dropped.export_expired');
    this.#outbox.putBack(request);
  }

  /** undefined: too old to be offered once more. */
  #delayOf(request: Request, failures: number, afterMs: number | undefined): number | undefined {
    const doublings = afterMs === undefined ? failures : 0;
    const delayMs = (afterMs ?? 0) + jitterMs(this.#intervals, doublings, this.#random);
    return this.#isTooOld(request, delayMs) ? undefined : delayMs;
  }

  #isTooOld(request: Request, delayMs: number): boolean {
    const { retryMs, isRetried = true } = this.#parts.limits;
    return !isRetried || performance.now() - request.sinceMs + delayMs > retryMs;
  }

  /** A collector that says when to come back means all requests. */
  #pause(afterMs: number): void {
    const untilMs = performance.now() + Math.min(afterMs, this.#parts.limits.retryMs);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
  }

  /** Capture goes on whatever the collector does. */
  #complain(reason: string): void {
    this.#isFailing = true;
    if (this.#isClosed) return;
    const { counters, transport, spool } = this.#parts;
    const spooled = spool === undefined ? '' : ` in memory, ${spool.spans} in the spool`;
    this.#complaint.say(
      () =>
        `collector ${transport.target}: ${reason}; ${this.spans} spans waiting${spooled}, ` +
        `${counters.total('dropped')} dropped so far; capturing goes on`,
    );
  }

  #recover(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    const { transport, spool } = this.#parts;
    const spooled = spool === undefined ? '' : `, those of the spool as well: ${spool.spans}`;
    this.#complaint.end(`collector ${transport.target}: accepts spans again${spooled}`);
  }
}
