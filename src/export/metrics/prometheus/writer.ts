/**
 * Metrics of several services as text for Prometheus, in the text format (0.0.4) or OpenMetrics
 * (1.0), which has exemplars. The official serializer knows one resource and no exemplars.
 *
 * Every sample has the labels `job` and `instance` of its service; a scraper keeps them with
 * `honor_labels: true`. A service's other attributes stand in its `target_info`.
 */
import { VERSION } from '../../../config/version.ts';
import { SCOPE_NAME } from '../../otlp/resource.ts';
import type {
  Attributes,
  CounterPoint,
  Exemplar,
  HistogramPoint,
  MetricData,
  ResourceMetrics,
} from '../types.ts';
import { toHelp, toLabel, toLabels } from './labels.ts';
import { familyOf } from './names.ts';

export type Format = 'text' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

const SCOPE = [toLabel('otel_scope_name', SCOPE_NAME), toLabel('otel_scope_version', VERSION)].join(
  ',',
);
const IDENTITY: ReadonlySet<string> = new Set([
  'service.name',
  'service.namespace',
  'service.instance.id',
]);
/** Handed on in pieces of this size, so that a slow reader holds one of them. */
const CHUNK_CHARACTERS = 64 * 1024;

interface Owned {
  readonly identity: string;
  readonly metric: MetricData;
}

/** The whole exposition, piece by piece. */
export function* write(resources: readonly ResourceMetrics[], format: Format): Iterable<string> {
  let piece = '';
  for (const line of lines(resources, format)) {
    piece += `${line}\n`;
    if (piece.length < CHUNK_CHARACTERS) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

function* lines(resources: readonly ResourceMetrics[], format: Format): Iterable<string> {
  yield* targetInfo(resources, format);
  for (const owned of byFamily(resources).values()) yield* family(owned, format);
  if (format === 'openmetrics') yield '# EOF';
}

/** Lines of one family stand together, whatever service they are of. */
function byFamily(resources: readonly ResourceMetrics[]): Map<string, Owned[]> {
  const families = new Map<string, Owned[]>();
  for (const { resource, metrics } of resources) {
    const identity = identityOf(resource);
    for (const metric of metrics) {
      const known = families.get(metric.name);
      if (known === undefined) families.set(metric.name, [{ identity, metric }]);
      else known.push({ identity, metric });
    }
  }
  return families;
}

function* family(owned: readonly Owned[], format: Format): Iterable<string> {
  const [{ metric: first }] = owned;
  const { name, unit } = familyOf(first);
  const isOpenMetrics = format === 'openmetrics';
  const title = first.kind === 'counter' && !isOpenMetrics ? `${name}_total` : name;
  yield `# TYPE ${title} ${first.kind}`;
  if (isOpenMetrics && unit !== '') yield `# UNIT ${title} ${unit}`;
  yield `# HELP ${title} ${toHelp(first.description, isOpenMetrics)}`;
  for (const { identity, metric } of owned) {
    if (metric.kind === 'counter') yield* counterLines(name, identity, metric.points);
    else {
      for (const point of metric.points) {
        yield* histogramLines(name, identity, point, metric.bounds, isOpenMetrics);
      }
    }
  }
}

function* counterLines(
  name: string,
  identity: string,
  points: readonly CounterPoint[],
): Iterable<string> {
  for (const { attributes, value } of points) {
    yield `${name}_total{${join(toLabels(attributes), identity, SCOPE)}} ${value}`;
  }
}

function* histogramLines(
  name: string,
  identity: string,
  point: HistogramPoint,
  bounds: readonly number[],
  isOpenMetrics: boolean,
): Iterable<string> {
  const labels = join(toLabels(point.attributes), identity, SCOPE);
  let sum = 0;
  for (let bucket = 0; bucket < point.bucketCounts.length; bucket++) {
    sum += point.bucketCounts[bucket];
    const le = toLabel('le', bucket < bounds.length ? toFloat(bounds[bucket]) : '+Inf');
    const exemplar = isOpenMetrics && point.exemplars.find((each) => each.bucket === bucket);
    yield `${name}_bucket{${labels},${le}} ${sum}${exemplar ? exemplarText(exemplar) : ''}`;
  }
  yield `${name}_sum{${labels}} ${point.sum}`;
  yield `${name}_count{${labels}} ${point.count}`;
}

function exemplarText({ traceId, spanId, value, timeUnixNs }: Exemplar): string {
  const labels = join(toLabel('trace_id', traceId), toLabel('span_id', spanId));
  const milliseconds = String(timeUnixNs / 1_000_000n).padStart(4, '0');
  return ` # {${labels}} ${value} ${milliseconds.slice(0, -3)}.${milliseconds.slice(-3)}`;
}

function* targetInfo(resources: readonly ResourceMetrics[], format: Format): Iterable<string> {
  if (resources.length === 0) return;
  const isOpenMetrics = format === 'openmetrics';
  const title = isOpenMetrics ? 'target' : 'target_info';
  yield `# TYPE ${title} ${isOpenMetrics ? 'info' : 'gauge'}`;
  yield `# HELP ${title} Target metadata`;
  for (const { resource } of resources) {
    const entries = Object.entries(resource).filter(([key]) => !IDENTITY.has(key));
    yield `target_info{${join(toLabels(Object.fromEntries(entries)), identityOf(resource))}} 1`;
  }
}

/** Resource attributes that Prometheus has names of its own for. */
function identityOf(resource: Attributes): string {
  const namespace = resource['service.namespace'];
  const name = String(resource['service.name'] ?? 'unknown_service');
  const job = namespace === undefined ? name : `${namespace}/${name}`;
  return join(
    toLabel('job', job),
    toLabel('instance', String(resource['service.instance.id'] ?? '')),
  );
}

function join(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(',');
}

/**
 * Bounds as Prometheus itself writes them (Go's shortest `g`, with a point): another text for the
 * same number were another series.
 */
export function toFloat(value: number): string {
  const [digits = '', power = ''] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 6) {
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
