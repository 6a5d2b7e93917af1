/** What one request to a collector says: points of some services at one moment. */
import type { MetricData, ResourceMetrics } from '../types.ts';

export type Temporality = 'cumulative' | 'delta';

/** OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE, for what we have. */
export interface Temporalities {
  readonly counter: Temporality;
  readonly histogram: Temporality;
}

export interface Snapshot {
  readonly timeUnixNs: bigint;
  readonly temporalities: Temporalities;
  readonly resources: readonly ResourceMetrics[];
}

/** AggregationTemporality of the OTLP schema. */
export const TEMPORALITY_CODES: Readonly<Record<Temporality, number>> = { delta: 1, cumulative: 2 };

export function countPoints(resources: readonly ResourceMetrics[]): number {
  return resources
    .flatMap(({ metrics }) => metrics)
    .reduce((sum, { points }) => sum + points.length, 0);
}

/** In the same order, at most `pointsMax` points each: receivers bound the size of a request. */
export function split(
  resources: readonly ResourceMetrics[],
  pointsMax: number,
): (readonly ResourceMetrics[])[] {
  const requests: ResourceMetrics[][] = [];
  let room = 0;
  for (const { resource, metrics } of resources) {
    for (let rest = metrics; rest.length > 0; ) {
      if (room === 0) {
        requests.push([]);
        room = pointsMax;
      }
      const [taken, left] = take(rest, room);
      requests[requests.length - 1]?.push({ resource, metrics: taken });
      room -= taken.reduce((sum, { points }) => sum + points.length, 0);
      rest = left;
    }
  }
  return requests;
}

/** The first `room` points, and the others. */
function take(metrics: readonly MetricData[], room: number): [MetricData[], MetricData[]] {
  const taken: MetricData[] = [];
  const left: MetricData[] = [];
  let rest = room;
  for (const metric of metrics) {
    const points = Math.min(rest, metric.points.length);
    if (points > 0) taken.push(slice(metric, 0, points));
    if (points < metric.points.length) left.push(slice(metric, points));
    rest -= points;
  }
  return [taken, left];
}

function slice(metric: MetricData, start: number, end?: number): MetricData {
  if (metric.kind === 'counter') return { ...metric, points: metric.points.slice(start, end) };
  return { ...metric, points: metric.points.slice(start, end) };
}
