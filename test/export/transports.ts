/** A transport that answers as told, and settings for small exporters. */
import { OtlpExporter } from '../../src/export/exporter.ts';
import { ProtobufRequest } from '../../src/export/otlp/protobuf-request.ts';
import { Resources } from '../../src/export/otlp/resource.ts';
import { ExportQueue, type QueueLimits } from '../../src/export/queue.ts';
import { SpanDescriber } from '../../src/export/span.ts';
import type { SpanSpool } from '../../src/export/span-spool.ts';
import type { Encoding, SendResult, Transport } from '../../src/export/types.ts';
import type { ComplaintLog } from '../../src/telemetry/complaint.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { type DecodedSpan, decodeRequest, spansOf } from './decoder.ts';
import { fixedClock, SUMMARY } from './stage.ts';

export const ACCEPTED: SendResult = { kind: 'accepted', rejected: 0, message: '' };

export function retry(afterMs?: number): SendResult {
  return { kind: 'retry', reason: 'told to', afterMs };
}

export interface Sent {
  readonly body: Uint8Array;
  readonly encoding: Encoding | undefined;
  readonly atMs: number;
}

export class FakeTransport implements Transport {
  readonly target = 'fake';
  readonly sent: Sent[] = [];
  /** Answers in order; the last one stays. A promise keeps the request under way. */
  answers: (SendResult | Promise<SendResult>)[] = [ACCEPTED];
  mostUnderWay = 0;
  isClosed = false;
  #underWay = 0;

  async send(body: Uint8Array, signal: AbortSignal, encoding?: Encoding): Promise<SendResult> {
    this.sent.push({ body, encoding, atMs: performance.now() });
    this.#underWay++;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.#underWay);
    const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
    const aborted = new Promise<SendResult>((resolve) => {
      signal.addEventListener('abort', () => resolve(retry()), { once: true });
    });
    const result = await Promise.race([answer ?? ACCEPTED, aborted]);
    this.#underWay--;
    return result;
  }

  close(): void {
    this.isClosed = true;
  }

  get spans(): DecodedSpan[][] {
    return this.sent.map(({ body }) => spansOf(decodeRequest(body)));
  }
}

export class Lines implements ComplaintLog {
  readonly lines: string[] = [];

  info(message: string): void {
    this.lines.push(`info ${message}`);
  }

  warn(message: string): void {
    this.lines.push(`warn ${message}`);
  }
}

export const QUEUE_LIMITS: QueueLimits = {
  spansMax: 1_000,
  bytesMax: 1_000_000,
  requestsMax: 2,
  retryMs: 60_000,
  spoolDelayMs: 100,
};

export interface ExporterOptions {
  readonly counters?: Counters;
  readonly spool?: SpanSpool;
  readonly queue?: Partial<QueueLimits>;
  readonly batchSpansMax?: number;
  readonly batchBytesMax?: number;
  readonly scheduleDelayMs?: number;
}

/** A whole OTLP exporter over a fake transport. */
export function createFakeExporter(options: ExporterOptions = {}) {
  const { counters = new Counters(), spool } = options;
  const transport = new FakeTransport();
  const log = new Lines();
  const clock = fixedClock();
  const limits = { ...QUEUE_LIMITS, ...options.queue };
  const parts = { transport, limits, counters, log, encoding: 'protobuf', spool } as const;
  const queue = new ExportQueue(parts);
  const resources = new Resources(
    (index) => ({ attributes: { 'service.name': `service-${index}` } }),
    counters,
  );
  const exporter = new OtlpExporter({
    clock,
    counters,
    queue,
    describer: new SpanDescriber(SUMMARY, clock, counters),
    request: new ProtobufRequest(resources, SUMMARY.attributeBytesMax, counters),
    limits: {
      batchSpansMax: options.batchSpansMax ?? 512,
      batchBytesMax: options.batchBytesMax ?? 2 ** 21,
      scheduleDelayMs: options.scheduleDelayMs ?? 5,
    },
  });
  return { exporter, transport, counters, log, queue };
}
