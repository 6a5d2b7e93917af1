/** Metrics as sources collect them, written down by a test. */
import type {
  CounterPoint,
  HistogramPoint,
  MetricData,
  ResourceMetrics,
} from '../../../src/export/metrics/types.ts';

export const TIME_NS = 1_763_740_800_000_000_123n;
export const START_NS = 1_763_740_700_000_000_000n;

export function histogramPoint(point: Partial<HistogramPoint> = {}): HistogramPoint {
  const bucketCounts = point.bucketCounts ?? [1, 0, 2];
  return {
    attributes: { 'http.request.method': 'GET', 'http.response.status_code': 200 },
    startUnixNs: START_NS,
    count: bucketCounts.reduce((sum, count) => sum + count, 0),
    sum: 3.5,
    bucketCounts,
    exemplars: [],
    ...point,
  };
}

export function counterPoint(point: Partial<CounterPoint> = {}): CounterPoint {
  return { attributes: {}, startUnixNs: START_NS, value: 7, ...point };
}

export function histogram(...points: HistogramPoint[]): MetricData {
  const description = 'Duration.';
  return { kind: 'histogram', name: 'd', description, unit: 's', bounds: [0.5, 1], points };
}

export function counter(...points: CounterPoint[]): MetricData {
  return { kind: 'counter', name: 'spantap.c', description: 'Things.', unit: '', points };
}

export function service(name: string, ...metrics: MetricData[]): ResourceMetrics {
  return { resource: { 'service.name': name, 'process.pid': 7 }, metrics };
}

export const EXEMPLAR = {
  bucket: 2,
  value: 1.25,
  timeUnixNs: TIME_NS - 5n,
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
};
