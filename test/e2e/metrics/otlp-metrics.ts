/** Metrics as the Collector's file exporter writes them (OTLP/JSON), in a form tests can ask. */
import { type Attributes, type JsonAttribute, plainAttributes } from '../harness/otlp-span.ts';

export interface Histogram {
  readonly resource: Attributes;
  readonly scope: string;
  readonly name: string;
  readonly unit: string;
  /** AggregationTemporality: 1 delta, 2 cumulative. */
  readonly temporality: number;
  readonly attributes: Attributes;
  readonly startNs: bigint;
  readonly timeNs: bigint;
  readonly count: number;
  readonly sum: number;
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly exemplars: readonly Exemplar[];
}

export interface Exemplar {
  readonly traceId: string;
  readonly spanId: string;
  readonly value: number;
  readonly timeNs: bigint;
}

interface JsonPoint {
  readonly attributes?: readonly JsonAttribute[];
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
  readonly count?: string;
  readonly sum?: number;
  readonly bucketCounts?: readonly string[];
  readonly explicitBounds?: readonly number[];
  readonly exemplars?: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly asDouble: number;
    readonly timeUnixNano: string;
  }[];
}

interface JsonMetrics {
  readonly resourceMetrics?: readonly {
    readonly resource?: { readonly attributes?: readonly JsonAttribute[] };
    readonly scopeMetrics: readonly {
      readonly scope?: { readonly name?: string };
      readonly metrics: readonly {
        readonly name: string;
        readonly unit?: string;
        readonly histogram?: {
          readonly aggregationTemporality: number;
          readonly dataPoints: readonly JsonPoint[];
        };
      }[];
    }[];
  }[];
}

/** All points of histograms in one line of the file; a line of spans has none. */
export function histogramsOfLine(line: string): Histogram[] {
  const { resourceMetrics = [] }: JsonMetrics = JSON.parse(line);
  return resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
    scopeMetrics.flatMap(({ scope, metrics }) =>
      metrics.flatMap(({ name, unit = '', histogram }) =>
        (histogram?.dataPoints ?? []).map((point) => ({
          resource: plainAttributes(resource?.attributes),
          scope: scope?.name ?? '',
          name,
          unit,
          temporality: histogram?.aggregationTemporality ?? 0,
          ...plainPoint(point),
        })),
      ),
    ),
  );
}

function plainPoint(point: JsonPoint) {
  return {
    attributes: plainAttributes(point.attributes),
    startNs: BigInt(point.startTimeUnixNano),
    timeNs: BigInt(point.timeUnixNano),
    count: Number(point.count ?? 0),
    sum: point.sum ?? 0,
    bounds: point.explicitBounds ?? [],
    counts: (point.bucketCounts ?? []).map(Number),
    exemplars: (point.exemplars ?? []).map(({ traceId, spanId, asDouble, timeUnixNano }) => ({
      traceId,
      spanId,
      value: asDouble,
      timeNs: BigInt(timeUnixNano),
    })),
  };
}
