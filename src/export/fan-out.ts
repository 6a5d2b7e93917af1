/** No place for spans, or more than one. */
import type { ExchangeBatch } from '../handoff/layout.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { SpanExporter } from './exporter.ts';
import type { Decided } from './rows.ts';

/** OTEL_TRACES_EXPORTER=none: counts what it is given. */
export class NoExporter implements SpanExporter {
  readonly #counters: Counters;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  add(batch: ExchangeBatch, { kept }: Decided): void {
    let spans = 0;
    for (let row = 0; row < batch.count; row++) spans += kept[row];
    this.#counters.add('dropped.export_none', spans);
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {}
}

/** `otlp,console`: everyone gets everything. */
export class FanOut implements SpanExporter {
  readonly #exporters: readonly SpanExporter[];

  constructor(exporters: readonly SpanExporter[]) {
    this.#exporters = exporters;
  }

  add(batch: ExchangeBatch, decided: Decided): void {
    for (const exporter of this.#exporters) exporter.add(batch, decided);
  }

  async flush(deadlineMs: number): Promise<void> {
    await Promise.all(this.#exporters.map((exporter) => exporter.flush(deadlineMs)));
  }

  async close(deadlineMs: number): Promise<void> {
    await Promise.all(this.#exporters.map((exporter) => exporter.close(deadlineMs)));
  }
}
