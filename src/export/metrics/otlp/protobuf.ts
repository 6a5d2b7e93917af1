/**
 * ExportMetricsServiceRequest in protobuf (opentelemetry/proto/metrics/v1). The official serializer
 * takes one resource and no exemplars; this is small, and runs once an interval.
 */
import { encode, type ProtoWriter } from '../../otlp/proto-writer.ts';
import { encodeResource, SCOPE } from '../../otlp/resource.ts';
import type { CounterPoint, Exemplar, HistogramPoint, MetricData } from '../types.ts';
import { type Snapshot, TEMPORALITY_CODES, type Temporality } from './snapshot.ts';

/** ResourceMetrics { resource = 1; scope_metrics = 2 }, ScopeMetrics { scope = 1; metrics = 2 }. */
export function encodeProtobuf({ resources, timeUnixNs, temporalities }: Snapshot): Buffer {
  return encode((request) => {
    for (const { resource, metrics } of resources) {
      request.message(1, (resourceMetrics) => {
        resourceMetrics.append(encodeResource(resource));
        resourceMetrics.message(2, (scopeMetrics) => {
          scopeMetrics.append(SCOPE);
          for (const metric of metrics) {
            const temporality = temporalities[metric.kind];
            scopeMetrics.message(2, (out) => writeMetric(out, metric, timeUnixNs, temporality));
          }
        });
      });
    }
  });
}

/** Metric { name = 1; description = 2; unit = 3; sum = 7; histogram = 9 }. */
function writeMetric(
  out: ProtoWriter,
  metric: MetricData,
  timeUnixNs: bigint,
  temporality: Temporality,
): void {
  out.text(1, metric.name);
  out.text(2, metric.description);
  if (metric.unit !== '') out.text(3, metric.unit);
  if (metric.kind === 'counter') {
    out.message(7, (sum) => {
      for (const point of metric.points) sum.message(1, (at) => writeNumber(at, point, timeUnixNs));
      sum.small(2, TEMPORALITY_CODES[temporality]);
      sum.small(3, 1); // is_monotonic
    });
    return;
  }
  const bounds = packedDoubles(metric.bounds);
  out.message(9, (histogram) => {
    for (const point of metric.points) {
      histogram.message(1, (at) => writeHistogram(at, point, timeUnixNs, bounds));
    }
    histogram.small(2, TEMPORALITY_CODES[temporality]);
  });
}

function writeNumber(out: ProtoWriter, point: CounterPoint, timeUnixNs: bigint): void {
  const { value, startUnixNs, attributes } = point;
  out.fixed64(2, startUnixNs);
  out.fixed64(3, timeUnixNs);
  if (Number.isSafeInteger(value)) out.fixed64(6, BigInt(value));
  else out.double(4, value);
  out.attributes(7, attributes);
}

function writeHistogram(
  out: ProtoWriter,
  point: HistogramPoint,
  timeUnixNs: bigint,
  bounds: Buffer,
): void {
  out.fixed64(2, point.startUnixNs);
  out.fixed64(3, timeUnixNs);
  out.fixed64(4, BigInt(point.count));
  out.double(5, point.sum);
  out.raw(6, packedCounts(point.bucketCounts));
  out.raw(7, bounds);
  for (const exemplar of point.exemplars) out.message(8, (at) => writeExemplar(at, exemplar));
  out.attributes(9, point.attributes);
}

function writeExemplar(out: ProtoWriter, { timeUnixNs, value, traceId, spanId }: Exemplar): void {
  out.fixed64(2, timeUnixNs);
  out.double(3, value);
  out.raw(4, Buffer.from(spanId, 'hex'));
  out.raw(5, Buffer.from(traceId, 'hex'));
}

function packedDoubles(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  values.forEach((value, i) => {
    bytes.writeDoubleLE(value, i * 8);
  });
  return bytes;
}

function packedCounts(counts: readonly number[]): Buffer {
  const bytes = Buffer.alloc(counts.length * 8);
  counts.forEach((count, i) => {
    bytes.writeBigUInt64LE(BigInt(count), i * 8);
  });
  return bytes;
}
