/**
 * Batches of exchanges in, export requests out. Takes whole hops: one is queued and sent as one, or
 * not at all.
 */
import { endOfHop } from '../handoff/hop.ts';
import { type ExchangeBatch, U32_COLUMNS } from '../handoff/layout.ts';
import { within } from '../spool/rest.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { WallClock } from './clock.ts';
import { countMarks } from './marks.ts';
import type { RequestBuilder } from './otlp/request.ts';
import type { ExportQueue } from './queue.ts';
import { type Decided, type Rows, toRows } from './rows.ts';
import type { SpanDescriber } from './span.ts';

/** What the agent knows of the export stage. */
export interface SpanExporter {
  /** Rows that were not kept are not looked at. */
  add(batch: ExchangeBatch, decided: Decided): void;
  /** Sends what is there; resolves when it arrived, was given up, or the deadline passed. */
  flush(deadlineMs: number): Promise<void>;
  /** `flush`, then ends everything; what is left goes to the spool, or is counted. */
  close(deadlineMs: number): Promise<void>;
}

export interface BatchLimits {
  readonly batchSpansMax: number;
  readonly batchBytesMax: number;
  readonly scheduleDelayMs: number;
}

export interface ExporterParts {
  readonly clock: WallClock;
  readonly describer: SpanDescriber;
  readonly request: RequestBuilder;
  readonly queue: ExportQueue;
  readonly counters: Counters;
  readonly limits: BatchLimits;
}

/** Ids, times, name and the attributes that every span has. */
const SPAN_BYTES_MIN = 256;

export class OtlpExporter implements SpanExporter {
  readonly #parts: ExporterParts;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ExporterParts) {
    this.#parts = parts;
  }

  add(batch: ExchangeBatch, decided: Decided): void {
    this.#parts.clock.check();
    const rows = toRows(batch, decided);
    for (let start = 0; start < batch.count; ) {
      const end = endOfHop(batch, start);
      if (decided.kept[start] === 1) this.#addHop(rows, start, end);
      start = end;
    }
    if (this.#parts.request.spans > 0) this.#schedule();
  }

  async flush(deadlineMs: number): Promise<void> {
    this.#seal();
    await within(deadlineMs, this.#parts.queue.drained());
  }

  async close(deadlineMs: number): Promise<void> {
    await this.flush(deadlineMs);
    await this.#parts.queue.close();
  }

  #addHop(rows: Rows, start: number, end: number): void {
    const { counters, request, limits } = this.#parts;
    const spans = end - start;
    if (request.spans > 0 && request.spans + spans > limits.batchSpansMax) this.#seal();
    if (spans <= limits.batchSpansMax) {
      if (this.#tryAdd(rows, start, end)) return;
      // Too many bytes beside what is there: the hop opens a request of its own.
      this.#seal();
      if (this.#tryAdd(rows, start, end)) return;
    }
    counters.add('export.torn_hops');
    for (let row = start; row < end; row++) {
      if (this.#tryAdd(rows, row, row + 1)) continue;
      this.#seal();
      this.#tryAdd(rows, row, row + 1);
    }
  }

  /** Adds rows or drops them as one; false, and nothing done, when the request would be too large. */
  #tryAdd(rows: Rows, start: number, end: number): boolean {
    const { request, describer, limits, queue, counters } = this.#parts;
    const before = request.spans;
    const spans = before + end - start;
    // Looked at first with the least that they can take, since encoding costs more than looking.
    let hasRoom = queue.hasRoom(spans, request.bytes + (end - start) * SPAN_BYTES_MIN);
    if (hasRoom) {
      for (let row = start; row < end; row++) request.add(rows, row, describer);
      if (request.bytes > limits.batchBytesMax && spans > 1) {
        request.undoTo(before);
        return false;
      }
      hasRoom = queue.hasRoom(spans, request.bytes);
    }
    if (hasRoom) this.#countAll(rows, start, end);
    else {
      request.undoTo(before);
      counters.add('dropped.export_queue', end - start);
    }
    return true;
  }

  #countAll(rows: Rows, start: number, end: number): void {
    for (let row = start; row < end; row++) {
      countMarks(rows.u32, row * U32_COLUMNS, this.#parts.counters);
    }
    if (this.#parts.request.spans >= this.#parts.limits.batchSpansMax) this.#seal();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => this.#seal(), this.#parts.limits.scheduleDelayMs);
  }

  #seal(): void {
    const { request, queue } = this.#parts;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { spans } = request;
    if (spans > 0) queue.push(request.seal(), spans);
  }
}
