/**
 * Sealed requests on their way out: a bounded queue, a few requests under way at once, and the
 * only retry layer there is. A retryable failure is offered again with full jitter, or when the
 * collector said to; everything that does not arrive is counted by its reason.
 *
 *   waiting --(place free)--> under way --accepted--> counted, gone
 *                                |  ^
 *                          retry |  | after its delay
 *                                v  |
 *                             resting --(too old, or exit)--> dropped
 */
import type { CounterName, Counters } from '../telemetry/counters.ts';
import type { SendResult, Transport } from './types.ts';

export interface QueueLimits {
  readonly spansMax: number;
  readonly bytesMax: number;
  readonly requestsMax: number;
  /** How long one request is offered again. */
  readonly retryMs: number;
}

export interface QueueLog {
  info(message: string): void;
  warn(message: string): void;
}

interface Request {
  readonly body: Uint8Array;
  readonly spans: number;
  readonly bornMs: number;
  attempts: number;
}

const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 5_000;
const COMPLAINT_INTERVAL_MS = 60_000;

export class ExportQueue {
  readonly #transport: Transport;
  readonly #limits: QueueLimits;
  readonly #counters: Counters;
  readonly #log: QueueLog;
  readonly #release: (body: Uint8Array) => void;
  readonly #random: () => number;
  readonly #waiting: Request[] = [];
  readonly #abort = new AbortController();
  readonly #idle: (() => void)[] = [];
  #underWay = 0;
  #spans = 0;
  #bytes = 0;
  #isClosed = false;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #isFailing = false;
  #complainedMs = Number.NEGATIVE_INFINITY;

  constructor(
    transport: Transport,
    limits: QueueLimits,
    counters: Counters,
    log: QueueLog,
    /** Takes bodies that are of no use any more. */
    release: (body: Uint8Array) => void = () => undefined,
    random: () => number = Math.random,
  ) {
    this.#transport = transport;
    this.#limits = limits;
    this.#counters = counters;
    this.#log = log;
    this.#release = release;
    this.#random = random;
  }

  /** Spans and bytes that are waiting, resting or under way. */
  get spans(): number {
    return this.#spans;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether as much more would still fit. */
  hasRoom(spans: number, bytes: number): boolean {
    return (
      this.#spans + spans <= this.#limits.spansMax && this.#bytes + bytes <= this.#limits.bytesMax
    );
  }

  push(body: Uint8Array, spans: number): void {
    if (this.#isClosed) {
      this.#counters.add('dropped.at_exit', spans);
      return;
    }
    this.#spans += spans;
    this.#bytes += body.length;
    this.#waiting.push({ body, spans, bornMs: performance.now(), attempts: 0 });
    this.#next();
  }

  /** Resolves when everything was sent or given up. */
  async drained(): Promise<void> {
    if (this.#spans === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Gives up what is left; counted. */
  close(): void {
    this.#isClosed = true;
    this.#abort.abort();
    for (const request of this.#waiting.splice(0)) this.#finish(request, 'dropped.at_exit');
    this.#transport.close();
  }

  #next(): void {
    while (this.#underWay < this.#limits.requestsMax) {
      const request = this.#waiting.shift();
      if (request === undefined) return;
      this.#underWay++;
      void this.#carry(request).then(() => {
        this.#underWay--;
        this.#next();
      });
    }
  }

  async #carry(request: Request): Promise<void> {
    for (;;) {
      const pauseMs = this.#pausedUntilMs - performance.now();
      if (pauseMs > 0) await this.#rest(pauseMs);
      const result = await this.#attempt(request);
      if (result.kind !== 'retry') return this.#conclude(request, result);
      this.#complain(result.reason);
      if (result.afterMs !== undefined) this.#pause(result.afterMs);
      const delayMs = this.#delayOf(request, result.afterMs);
      if (this.#isClosed) return this.#finish(request, 'dropped.at_exit');
      if (delayMs === undefined) return this.#finish(request, 'dropped.export_expired');
      await this.#rest(delayMs);
      this.#counters.add('export.retries');
    }
  }

  async #attempt(request: Request): Promise<SendResult> {
    if (this.#isClosed) return { kind: 'retry', reason: 'closing', afterMs: undefined };
    request.attempts++;
    this.#counters.add('export.requests');
    this.#counters.add('export.bytes', request.body.length);
    return this.#transport.send(request.body, request.spans, this.#abort.signal);
  }

  #conclude(request: Request, result: Exclude<SendResult, { kind: 'retry' }>): void {
    if (result.kind === 'refused') {
      this.#complain(result.reason);
      this.#finish(request, 'dropped.refused');
      return;
    }
    const rejected = Math.min(result.rejectedSpans, request.spans);
    this.#counters.add('export.spans', request.spans - rejected);
    if (rejected > 0) this.#counters.add('dropped.rejected', rejected);
    if (rejected > 0 || result.message !== '') {
      this.#complain(`${rejected} spans rejected: ${result.message || 'no reason given'}`);
    } else this.#recover();
    this.#finish(request, undefined);
  }

  #finish(request: Request, reason: CounterName | undefined): void {
    if (reason !== undefined) this.#counters.add(reason, request.spans);
    this.#spans -= request.spans;
    this.#bytes -= request.body.length;
    this.#release(request.body);
    if (this.#spans > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** undefined: too old to be offered once more. */
  #delayOf(request: Request, afterMs: number | undefined): number | undefined {
    const ceilingMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (request.attempts - 1));
    const jitterMs = this.#random() * (afterMs === undefined ? ceilingMs : BACKOFF_FIRST_MS);
    const delayMs = (afterMs ?? 0) + jitterMs;
    const ageMs = performance.now() - request.bornMs;
    return ageMs + delayMs > this.#limits.retryMs ? undefined : delayMs;
  }

  /** A collector that says when to come back means all requests. */
  #pause(afterMs: number): void {
    const untilMs = performance.now() + Math.min(afterMs, this.#limits.retryMs);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
  }

  #rest(delayMs: number): Promise<void> {
    const { signal } = this.#abort;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      signal.addEventListener('abort', done);
    });
  }

  /** Once a minute; capture goes on whatever the collector does. */
  #complain(reason: string): void {
    this.#isFailing = true;
    const nowMs = performance.now();
    if (this.#isClosed || nowMs - this.#complainedMs < COMPLAINT_INTERVAL_MS) return;
    this.#complainedMs = nowMs;
    this.#log.warn(
      `collector ${this.#transport.target}: ${reason}; ${this.#spans} spans waiting, ` +
        `${this.#counters.total('dropped')} dropped so far; capturing goes on`,
    );
  }

  #recover(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    if (this.#complainedMs === Number.NEGATIVE_INFINITY) return;
    this.#complainedMs = Number.NEGATIVE_INFINITY;
    this.#log.info(`collector ${this.#transport.target}: accepts spans again`);
  }
}
