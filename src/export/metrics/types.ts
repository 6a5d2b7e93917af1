/**
 * Metrics as they are collected: a snapshot that the OTLP and Prometheus writers read alike. The
 * official SDK's model knows neither exemplars nor several resources, so this is our own; names
 * follow the OTLP schema (opentelemetry/proto/metrics/v1).
 */
import type { AttributeValue } from '../types.ts';

export type Attributes = Readonly<Record<string, AttributeValue>>;

interface Described {
  readonly name: string;
  readonly description: string;
  /** UCUM: `s`, `By`; empty for plain numbers. */
  readonly unit: string;
}

export interface CounterDefinition extends Described {
  readonly kind: 'counter';
}

export interface HistogramDefinition extends Described {
  readonly kind: 'histogram';
  /** Upper bounds, inclusive; one more bucket takes what is beyond the last. */
  readonly bounds: readonly number[];
}

interface Point {
  readonly attributes: Attributes;
  /** What is counted was counted after this. Unix nanoseconds. */
  readonly startUnixNs: bigint;
}

export interface CounterPoint extends Point {
  readonly value: number;
}

export interface HistogramPoint extends Point {
  readonly count: number;
  readonly sum: number;
  /** One more than there are bounds; each for itself, not summed up. */
  readonly bucketCounts: readonly number[];
  readonly exemplars: readonly Exemplar[];
}

/** One measurement of which a span was kept. */
export interface Exemplar {
  readonly value: number;
  readonly timeUnixNs: bigint;
  /** 32 and 16 lower-case hex digits. */
  readonly traceId: string;
  readonly spanId: string;
  /** Index into `bucketCounts`. */
  readonly bucket: number;
}

export type MetricData =
  | (CounterDefinition & { readonly points: readonly CounterPoint[] })
  | (HistogramDefinition & { readonly points: readonly HistogramPoint[] });

/** Metrics of one service: the agent itself, or one that it observes. */
export interface ResourceMetrics {
  readonly resource: Attributes;
  readonly metrics: readonly MetricData[];
}

/** What the writers read: everything since the start of each point (cumulative). */
export interface MetricSource {
  collect(): readonly ResourceMetrics[];
}
