/**
 * ExportMetricsServiceRequest in protobuf (opentelemetry/proto/metrics/v1). The official serializer
 * takes one resource and no exemplars; this is small, and runs once an interval.
 */
import { encodeAttributes, field } from '../../attributes.ts';
import { SCOPE } from '../../otlp/resource.ts';
import type { CounterPoint, Exemplar, HistogramPoint, MetricData } from '../types.ts';
import { type Snapshot, TEMPORALITY_CODES, type Temporality } from './snapshot.ts';

const VARINT = 0;
const FIXED64 = 1;

export function encodeProtobuf({ resources, timeUnixNs, temporalities }: Snapshot): Buffer {
  return Buffer.concat(
    resources.map(({ resource, metrics }) => {
      const encoded = metrics.map((metric) =>
        field(2, encodeMetric(metric, timeUnixNs, temporalities[metric.kind])),
      );
      const scopeMetrics = field(2, Buffer.concat([SCOPE, ...encoded]));
      return field(1, Buffer.concat([field(1, encodeAttributes(1, resource)), scopeMetrics]));
    }),
  );
}

function encodeMetric(metric: MetricData, timeUnixNs: bigint, temporality: Temporality): Buffer {
  const { name, description, unit } = metric;
  const head = [text(1, name), text(2, description), ...(unit === '' ? [] : [text(3, unit)])];
  const code = enumeration(2, TEMPORALITY_CODES[temporality]);
  if (metric.kind === 'counter') {
    const points = metric.points.map((point) => field(1, encodeNumber(point, timeUnixNs)));
    return Buffer.concat([...head, field(7, Buffer.concat([...points, code, enumeration(3, 1)]))]);
  }
  const bounds = field(7, doubles(metric.bounds));
  const points = metric.points.map((point) => field(1, encodeHistogram(point, timeUnixNs, bounds)));
  return Buffer.concat([...head, field(9, Buffer.concat([...points, code]))]);
}

function encodeNumber(point: CounterPoint, timeUnixNs: bigint): Buffer {
  const { value, startUnixNs, attributes } = point;
  return Buffer.concat([
    fixed64(2, startUnixNs),
    fixed64(3, timeUnixNs),
    Number.isSafeInteger(value) ? fixed64(6, BigInt(value)) : double(4, value),
    encodeAttributes(7, attributes),
  ]);
}

function encodeHistogram(point: HistogramPoint, timeUnixNs: bigint, bounds: Buffer): Buffer {
  const counts = Buffer.alloc(point.bucketCounts.length * 8);
  point.bucketCounts.forEach((count, i) => {
    counts.writeBigUInt64LE(BigInt(count), i * 8);
  });
  return Buffer.concat([
    fixed64(2, point.startUnixNs),
    fixed64(3, timeUnixNs),
    fixed64(4, BigInt(point.count)),
    double(5, point.sum),
    field(6, counts),
    bounds,
    ...point.exemplars.map((exemplar) => field(8, encodeExemplar(exemplar))),
    encodeAttributes(9, point.attributes),
  ]);
}

function encodeExemplar({ timeUnixNs, value, traceId, spanId }: Exemplar): Buffer {
  return Buffer.concat([
    fixed64(2, timeUnixNs),
    double(3, value),
    field(4, Buffer.from(spanId, 'hex')),
    field(5, Buffer.from(traceId, 'hex')),
  ]);
}

function text(number: number, value: string): Buffer {
  return field(number, Buffer.from(value));
}

/** Numbers and values below 16 and 128. */
function enumeration(number: number, value: number): Buffer {
  return Buffer.from([(number << 3) | VARINT, value]);
}

function fixed64(number: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = (number << 3) | FIXED64;
  bytes.writeBigInt64LE(BigInt.asIntN(64, value), 1);
  return bytes;
}

function double(number: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | FIXED64]), doubles([value])]);
}

function doubles(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  values.forEach((value, i) => {
    bytes.writeDoubleLE(value, i * 8);
  });
  return bytes;
}
