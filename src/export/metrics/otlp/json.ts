/** The same as OTLP/JSON (opentelemetry-proto docs/specification.md, "JSON Protobuf Encoding"). */
import { VERSION } from '../../../config/version.ts';
import { toAttributes } from '../../otlp/json-attributes.ts';
import { SCOPE_NAME } from '../../otlp/resource.ts';
import type { CounterPoint, HistogramPoint, MetricData } from '../types.ts';
import { type Snapshot, TEMPORALITY_CODES, type Temporality } from './snapshot.ts';

export function encodeJson({ resources, timeUnixNs, temporalities }: Snapshot): Buffer {
  const resourceMetrics = resources.map(({ resource, metrics }) => ({
    resource: { attributes: toAttributes(resource) },
    scopeMetrics: [
      {
        scope: { name: SCOPE_NAME, version: VERSION },
        metrics: metrics.map((metric) => toMetric(metric, timeUnixNs, temporalities[metric.kind])),
      },
    ],
  }));
  return Buffer.from(JSON.stringify({ resourceMetrics }));
}

function toMetric(metric: MetricData, timeUnixNs: bigint, temporality: Temporality): unknown {
  const { name, description, unit } = metric;
  const aggregationTemporality = TEMPORALITY_CODES[temporality];
  if (metric.kind === 'counter') {
    const dataPoints = metric.points.map((point) => toNumber(point, timeUnixNs));
    return {
      name,
      description,
      unit,
      sum: { dataPoints, aggregationTemporality, isMonotonic: true },
    };
  }
  const dataPoints = metric.points.map((point) => toHistogram(point, timeUnixNs, metric.bounds));
  return { name, description, unit, histogram: { dataPoints, aggregationTemporality } };
}

function toNumber({ attributes, startUnixNs, value }: CounterPoint, timeUnixNs: bigint): unknown {
  const number = Number.isSafeInteger(value) ? { asInt: String(value) } : { asDouble: value };
  return { ...times(startUnixNs, timeUnixNs), attributes: toAttributes(attributes), ...number };
}

function toHistogram(
  point: HistogramPoint,
  timeUnixNs: bigint,
  explicitBounds: readonly number[],
): unknown {
  return {
    ...times(point.startUnixNs, timeUnixNs),
    attributes: toAttributes(point.attributes),
    count: String(point.count),
    sum: point.sum,
    bucketCounts: point.bucketCounts.map(String),
    explicitBounds,
    exemplars: point.exemplars.map(({ timeUnixNs: exemplarUnixNs, value, traceId, spanId }) => ({
      timeUnixNano: String(exemplarUnixNs),
      asDouble: value,
      spanId,
      traceId,
    })),
  };
}

function times(startUnixNs: bigint, timeUnixNs: bigint): object {
  return { startTimeUnixNano: String(startUnixNs), timeUnixNano: String(timeUnixNs) };
}
