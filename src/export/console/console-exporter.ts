/**
 * Traces printed as trees. Spans of a trace are collected until none came for a moment, since the
 * ends of a tree arrive in different batches. Bounded in traces and spans; what does not fit, or
 * what the terminal cannot take, is dropped and counted.
 */
import type { Writable } from 'node:stream';
import { endOfHop } from '../../handoff/hop.ts';
import { type ExchangeBatch, U32, U32_COLUMNS } from '../../handoff/layout.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { WallClock } from '../clock.ts';
import type { SpanExporter } from '../exporter.ts';
import { countMarks } from '../marks.ts';
import type { SpanObjects } from '../otlp/span-object.ts';
import { type Decided, type Rows, toRows } from '../rows.ts';
import type { SpanDescriber } from '../span.ts';
import type { ResourceOf } from '../types.ts';
import { type ConsoleSpan, toConsoleSpan } from './console-span.ts';
import { COLOURED, formatTrace, type Palette, PLAIN } from './tree.ts';

export interface ConsoleLimits {
  readonly tracesMax: number;
  readonly spansMax: number;
}

export interface ConsoleParts {
  readonly out: Writable;
  readonly isColoured: boolean;
  readonly describer: SpanDescriber;
  readonly objects: SpanObjects;
  readonly clock: WallClock;
  readonly resourceOf: ResourceOf;
  readonly counters: Counters;
  readonly limits: ConsoleLimits;
}

/** A trace is complete when no span of it came for this long, */
const QUIET_MS = 300;
/** or when it has been waited for this long. */
const PATIENCE_MS = 5_000;
/** Text that the terminal, or whoever reads the pipe, has not taken yet. */
const PENDING_BYTES_MAX = 1024 * 1024;

const FAR_FUTURE_NS = 2n ** 64n;

interface Trace {
  readonly spans: ConsoleSpan[];
  readonly bornMs: number;
  lastMs: number;
}

export class ConsoleExporter implements SpanExporter {
  readonly #parts: ConsoleParts;
  readonly #palette: Palette;
  readonly #traces = new Map<string, Trace>();
  #spans = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ConsoleParts) {
    this.#parts = parts;
    this.#palette = parts.isColoured ? COLOURED : PLAIN;
  }

  add(batch: ExchangeBatch, decided: Decided): void {
    this.#parts.clock.check();
    const rows = toRows(batch, decided);
    for (let start = 0; start < batch.count; ) {
      const end = endOfHop(batch, start);
      if (decided.kept[start] === 1) this.#addHop(rows, start, end);
      start = end;
    }
    this.#schedule();
  }

  flush(deadlineMs: number): Promise<void> {
    this.#printAll([...this.#traces]);
    return this.#drained(deadlineMs);
  }

  async close(deadlineMs: number): Promise<void> {
    clearTimeout(this.#timer);
    await this.flush(deadlineMs);
  }

  #addHop(rows: Rows, start: number, end: number): void {
    const { counters, limits, out } = this.#parts;
    const isFull =
      this.#spans + (end - start) > limits.spansMax ||
      this.#traces.size >= limits.tracesMax ||
      out.writableLength > PENDING_BYTES_MAX;
    if (isFull) {
      counters.add('dropped.console', end - start);
      return;
    }
    for (let index = start; index < end; index++) this.#addSpan(rows, index);
  }

  #addSpan(rows: Rows, index: number): void {
    const { describer, objects, resourceOf, counters } = this.#parts;
    describer.describe(rows, index, objects);
    const u = index * U32_COLUMNS;
    const { attributes } = resourceOf(rows.u32[u + U32.process]);
    const service = String(attributes['service.name'] ?? '?');
    const span = toConsoleSpan(rows, index, objects.span, service);
    countMarks(rows.u32, u, counters);
    const nowMs = performance.now();
    let trace = this.#traces.get(span.traceId);
    if (trace === undefined) {
      trace = { spans: [], bornMs: nowMs, lastMs: nowMs };
      this.#traces.set(span.traceId, trace);
    }
    trace.spans.push(span);
    trace.lastMs = nowMs;
    this.#spans++;
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#traces.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#printQuiet();
      this.#schedule();
    }, QUIET_MS / 2);
  }

  #printQuiet(): void {
    const nowMs = performance.now();
    this.#printAll(
      [...this.#traces].filter(
        ([, trace]) => nowMs - trace.lastMs >= QUIET_MS || nowMs - trace.bornMs >= PATIENCE_MS,
      ),
    );
  }

  /** In the order in which they began, as far as they are printed together. */
  #printAll(traces: readonly (readonly [string, Trace])[]): void {
    const startOf = ([, { spans }]: readonly [string, Trace]): bigint =>
      spans.reduce((least, span) => (span.startNs < least ? span.startNs : least), FAR_FUTURE_NS);
    const byStart = traces.map((trace) => ({ trace, startNs: startOf(trace) }));
    byStart.sort((a, b) => (a.startNs < b.startNs ? -1 : 1));
    for (const { trace } of byStart) this.#print(...trace);
  }

  #print(id: string, { spans }: Trace): void {
    this.#traces.delete(id);
    this.#spans -= spans.length;
    this.#parts.counters.add('export.spans', spans.length);
    this.#parts.out.write(`${formatTrace(spans, this.#palette)}\n\n`);
  }

  async #drained(deadlineMs: number): Promise<void> {
    const { out } = this.#parts;
    if (!out.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      out.once('drain', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
