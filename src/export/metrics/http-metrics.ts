/**
 * Duration, sizes and own time of every exchange, counted before sampling: rows are read in place
 * and end in buckets of our own, since a recording by the SDK costs more than the rest of the row.
 */
import { limits } from '../../config/limits.ts';
import {
  ENDS,
  type ExchangeBatch,
  F64,
  F64_COLUMNS,
  FLAG,
  U32,
  U32_COLUMNS,
} from '../../handoff/layout.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { WallClock } from '../clock.ts';
import { requestSize, responseSize } from '../marks.ts';
import type { ResourceOf } from '../types.ts';
import { RowKey } from './row-key.ts';
import type { Series } from './series.ts';
import { type ServiceLimits, Services } from './services.ts';
import type { MetricSource, ResourceMetrics } from './types.ts';

export interface HttpMetricsOptions {
  readonly resourceOf: ResourceOf;
  readonly clock: WallClock;
  readonly counters: Counters;
  /** OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS. */
  readonly knownMethods?: readonly string[] | undefined;
  readonly limits?: ServiceLimits;
}

/** What was decided about the rows of a batch. */
export interface MetricRows {
  /** The stack of the row has the plugin http_metrics. */
  isCounted(row: number): boolean;
  /** Its span is kept: it may be an exemplar. */
  isKept(row: number): boolean;
}

const LIMITS: ServiceLimits = {
  servicesMax: limits.metricServicesMax,
  seriesMax: limits.metricSeriesMax,
  allSeriesMax: limits.metricAllSeriesMax,
};

const NS_PER_SECOND = 1e9;
const LOST = ENDS.indexOf('lost');
const DETACHED = ENDS.indexOf('detached');

export class HttpMetrics implements MetricSource {
  readonly #clock: WallClock;
  readonly #counters: Counters;
  readonly #services: Services;
  readonly #key: RowKey;
  readonly #now = () => this.#clock.unixNowNs();

  constructor(options: HttpMetricsOptions) {
    const { resourceOf, clock, counters, knownMethods, limits: bounds = LIMITS } = options;
    this.#clock = clock;
    this.#counters = counters;
    this.#services = new Services(resourceOf, bounds, counters);
    this.#key = new RowKey(knownMethods);
  }

  /** Counts the rows that `rows` names; keeps nothing of `batch`. */
  add(batch: ExchangeBatch, rows: MetricRows): void {
    this.#services.beginBatch();
    for (let row = 0; row < batch.count; row++) {
      if (!rows.isCounted(row)) continue;
      if (isMeasured(batch.u32, row * U32_COLUMNS)) this.#measure(batch, row, rows.isKept(row));
      else this.#counters.add('metrics.unmeasured');
    }
  }

  collect(): readonly ResourceMetrics[] {
    const toUnixNs = (ns: number) => BigInt(Math.floor(ns)) + this.#clock.at(ns).ns;
    return Array.from(this.#services.all(), (service) => service.collect(toUnixNs)).filter(
      ({ metrics }) => metrics.length > 0,
    );
  }

  #seriesOf({ bytes, u32, f64 }: ExchangeBatch, u: number, f: number): Series {
    const key = this.#key;
    key.read(bytes, u32, f64, u, f);
    const service = this.#services.of(u32[u + U32.process]);
    const series = service.find(key, bytes, this.#now);
    if (series !== undefined) return series;
    this.#counters.add('metrics.overflow');
    return service.overflow(key.isClient, this.#now);
  }

  #measure(batch: ExchangeBatch, row: number, isKept: boolean): void {
    const { u32, f64 } = batch;
    const u = row * U32_COLUMNS;
    const f = row * F64_COLUMNS;
    const series = this.#seriesOf(batch, u, f);
    // As the span has it: semconv, "this metric's duration should equal the span's".
    const startNs = f64[f + F64.requestStartNs] || f64[f + F64.requestHeadNs];
    const endNs = Math.max(f64[f + F64.endNs], startNs);
    const duration = (endNs - startNs) / NS_PER_SECOND;
    const bucket = series.duration.add(duration);
    if (isKept) series.duration.exemplify(bucket, duration, endNs, u32, u);
    const sent = requestSize(u32, f64, u, f);
    if (sent >= 0) series.requestSize.add(sent);
    const received = responseSize(u32, f64, u, f);
    if (received >= 0) series.responseSize.add(received);
    const own = f64[f + F64.ownNs] / NS_PER_SECOND;
    if (series.own === undefined || own < 0 || !hasEgress(batch, row)) return;
    const ownBucket = series.own.add(own);
    if (isKept) series.own.exemplify(ownBucket, own, endNs, u32, u);
  }
}

/** Where the end was not seen, neither time nor sizes are known. */
function isMeasured(u32: Uint32Array, u: number): boolean {
  const end = u32[u + U32.end];
  return end !== LOST && end !== DETACHED;
}

/** Rows of a hop stand together, ingress first. */
function hasEgress({ u32, count }: ExchangeBatch, row: number): boolean {
  const hop = u32[row * U32_COLUMNS + U32.hop];
  if (hop === 0) return false;
  for (let at = row + 1; at < count && u32[at * U32_COLUMNS + U32.hop] === hop; at++) {
    if ((u32[at * U32_COLUMNS + U32.flags] & FLAG.client) !== 0) return true;
  }
  return false;
}
