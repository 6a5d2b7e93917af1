/**
 * For receivers that want what was added since the last time (temporality delta). The difference
 * is taken to what has arrived: after a request that failed, the next one has all of it.
 */
import type { CounterPoint, HistogramPoint, MetricData, ResourceMetrics } from '../types.ts';
import type { Temporalities } from './snapshot.ts';

type Point = CounterPoint | HistogramPoint;

/** A point as it was when its delta arrived. */
interface Told {
  readonly point: Point;
  readonly timeUnixNs: bigint;
}

export class Deltas {
  #told = new Map<string, Told>();
  /** Of the deltas that were made last: what will have been told when they arrive. */
  #pending = new Map<Point, readonly [key: string, told: Told]>();

  /** Points without anything new are left out. */
  of(
    resources: readonly ResourceMetrics[],
    timeUnixNs: bigint,
    temporalities: Temporalities,
  ): ResourceMetrics[] {
    const known = this.#told;
    this.#told = new Map();
    this.#pending = new Map();
    return resources.map(({ resource, metrics }) => {
      const service = JSON.stringify(resource);
      return {
        resource,
        metrics: metrics.map((metric) =>
          temporalities[metric.kind] === 'cumulative'
            ? metric
            : this.#metric(metric, service, timeUnixNs, known),
        ),
      };
    });
  }

  /** These points of the last `of` have arrived. */
  arrived(resources: readonly ResourceMetrics[]): void {
    for (const { metrics } of resources) {
      for (const point of metrics.flatMap((metric): readonly Point[] => metric.points)) {
        const pending = this.#pending.get(point);
        if (pending !== undefined) this.#told.set(...pending);
      }
    }
  }

  #metric(
    metric: MetricData,
    service: string,
    timeUnixNs: bigint,
    known: ReadonlyMap<string, Told>,
  ): MetricData {
    const each = <P extends Point>(
      points: readonly P[],
      subtract: (point: P, before: Point) => P,
    ): P[] =>
      points.flatMap((point) => {
        const key = `${service}${metric.name}${JSON.stringify(point.attributes)}`;
        const told = before(point, known.get(key));
        if (told !== undefined) this.#told.set(key, told);
        const delta = told === undefined ? point : subtract(point, told.point);
        if (amountOf(delta) === 0) return [];
        const start = told === undefined ? {} : { startUnixNs: told.timeUnixNs };
        const made = { ...delta, ...start };
        this.#pending.set(made, [key, { point, timeUnixNs }]);
        return [made];
      });
    if (metric.kind === 'counter') return { ...metric, points: each(metric.points, lessCounter) };
    return { ...metric, points: each(metric.points, lessHistogram) };
  }
}

/** A series that began anew has nothing told. */
function before(point: Point, told: Told | undefined): Told | undefined {
  return told?.point.startUnixNs === point.startUnixNs ? told : undefined;
}

function amountOf(point: Point): number {
  return 'count' in point ? point.count : point.value;
}

function lessCounter(point: CounterPoint, told: Point): CounterPoint {
  return 'value' in told ? { ...point, value: point.value - told.value } : point;
}

function lessHistogram(point: HistogramPoint, told: Point): HistogramPoint {
  if (!('count' in told)) return point;
  return {
    ...point,
    count: point.count - told.count,
    sum: point.sum - told.sum,
    bucketCounts: point.bucketCounts.map((count, i) => count - told.bucketCounts[i]),
  };
}
