/** HTTP metrics of rows that a test writes down, and what was counted in words to compare. */
import { HttpMetrics, type HttpMetricsOptions } from '../../../src/export/metrics/http-metrics.ts';
import type {
  Attributes,
  HistogramPoint,
  MetricData,
  ResourceMetrics,
} from '../../../src/export/metrics/types.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { type Row, toBatch } from '../rows.ts';
import { fixedClock } from '../stage.ts';

export const ALL = { isCounted: () => true, isKept: () => false };
export const KEPT = { isCounted: () => true, isKept: () => true };

export const SHOP: Attributes = {
  'service.name': 'shop',
  'service.instance.id': '6ba7b810-9dad-51d1-80b4-00c04fd430c8',
};

export interface Stage {
  readonly metrics: HttpMetrics;
  readonly counters: Counters;
  add(rows: readonly Row[], decisions?: typeof ALL): void;
}

export function createStage(options: Partial<HttpMetricsOptions> = {}): Stage {
  const counters = new Counters();
  const shop = { attributes: SHOP };
  const metrics = new HttpMetrics({
    resourceOf: () => shop,
    clock: fixedClock(),
    counters,
    ...options,
  });
  return {
    metrics,
    counters,
    add: (rows, decisions = ALL) => metrics.add(toBatch(rows), decisions),
  };
}

/** What one batch of `rows` becomes. */
export function metricsOf(rows: readonly Row[], decisions = ALL): readonly ResourceMetrics[] {
  const stage = createStage();
  stage.add(rows, decisions);
  return stage.metrics.collect();
}

/** Metric `name` of all services. */
export function findMetric(
  resources: readonly ResourceMetrics[],
  name: string,
): MetricData | undefined {
  return resources.flatMap(({ metrics }) => metrics).find((metric) => metric.name === name);
}

/** Points of histogram `name` of all services. */
export function pointsOf(resources: readonly ResourceMetrics[], name: string): HistogramPoint[] {
  return resources
    .flatMap(({ metrics }) => metrics)
    .flatMap((metric) =>
      metric.kind === 'histogram' && metric.name === name ? [...metric.points] : [],
    );
}

/** Attributes of the points of `name` that `rows` become. */
export function attributesOf(rows: readonly Row[], name: string): Attributes[] {
  return pointsOf(metricsOf(rows), name).map(({ attributes }) => attributes);
}
