/** The series of one observed service, of its server and its client side, within their bound. */
import { AddressTable } from './address-table.ts';
import { CLIENT, type Instruments, SERVER } from './instruments.ts';
import type { RowKey } from './row-key.ts';
import { Series } from './series.ts';
import type { Attributes, HistogramPoint, MetricData, ResourceMetrics } from './types.ts';

/** OpenTelemetry metrics SDK, "Cardinality limits". */
const OVERFLOW: Attributes = { 'otel.metric.overflow': true };

/** How many series there may be, of this service and of all. */
export interface SeriesBudget {
  readonly seriesMax: number;
  readonly allSeriesMax: number;
  /** Of all services at the moment. */
  allSeries: number;
}

export class Service {
  readonly resource: Attributes;
  /** When its last exchange was counted; orders those that may be forgotten. */
  lastUse = 0;
  series = 0;
  readonly #budget: SeriesBudget;
  readonly #servers = new Map<number, Series>();
  readonly #clients = new AddressTable();
  #serverOverflow: Series | undefined;
  #clientOverflow: Series | undefined;

  constructor(resource: Attributes, budget: SeriesBudget) {
    this.resource = resource;
    this.#budget = budget;
  }

  /** Undefined: beyond the bound, see `overflow`. */
  find(key: RowKey, bytes: Uint8Array, nowUnixNs: () => bigint): Series | undefined {
    if (!key.isClient) {
      const known = this.#servers.get(key.value);
      return known ?? this.#create(this.#servers, key, bytes, nowUnixNs);
    }
    const { hostStart, hostEnd, port } = key;
    const known = this.#clients.find(bytes, hostStart, hostEnd, port);
    const series = known?.series.get(key.value);
    if (series !== undefined || !this.#hasRoom()) return series;
    const address = known ?? this.#clients.add(bytes, hostStart, hostEnd, port);
    return address && this.#create(address.series, key, bytes, nowUnixNs);
  }

  overflow(isClient: boolean, nowUnixNs: () => bigint): Series {
    if (isClient) {
      this.#clientOverflow ??= new Series(CLIENT, OVERFLOW, nowUnixNs());
      return this.#clientOverflow;
    }
    this.#serverOverflow ??= new Series(SERVER, OVERFLOW, nowUnixNs());
    return this.#serverOverflow;
  }

  collect(toUnixNs: (ns: number) => bigint): ResourceMetrics {
    const servers = [...this.#servers.values(), this.#serverOverflow];
    const clients = [...this.#clients.all(), this.#clientOverflow];
    const metrics = [
      ...describe(SERVER, servers.filter(isThere), toUnixNs),
      ...describe(CLIENT, clients.filter(isThere), toUnixNs),
    ];
    return { resource: this.resource, metrics };
  }

  #create(
    among: Map<number, Series>,
    key: RowKey,
    bytes: Uint8Array,
    nowUnixNs: () => bigint,
  ): Series | undefined {
    if (!this.#hasRoom()) return undefined;
    const instruments = key.isClient ? CLIENT : SERVER;
    const series = new Series(instruments, key.attributes(bytes), nowUnixNs());
    among.set(key.value, series);
    this.series++;
    this.#budget.allSeries++;
    return series;
  }

  #hasRoom(): boolean {
    const { seriesMax, allSeriesMax, allSeries } = this.#budget;
    return this.series < seriesMax && allSeries < allSeriesMax;
  }
}

function isThere(series: Series | undefined): series is Series {
  return series !== undefined;
}

type Part = 'duration' | 'requestSize' | 'responseSize' | 'own';
const PARTS: readonly Part[] = ['duration', 'requestSize', 'responseSize', 'own'];

function describe(
  instruments: Instruments,
  series: readonly Series[],
  toUnixNs: (ns: number) => bigint,
): MetricData[] {
  return PARTS.flatMap((part) => {
    const definition = instruments[part];
    const points = series.flatMap((one) => pointOf(one, part, toUnixNs));
    return definition === undefined || points.length === 0 ? [] : [{ ...definition, points }];
  });
}

/** None where nothing was measured. */
function pointOf(series: Series, part: Part, toUnixNs: (ns: number) => bigint): HistogramPoint[] {
  const histogram = series[part];
  const bucketCounts = [...(histogram?.counts ?? [])];
  const count = bucketCounts.reduce((sum, each) => sum + each, 0);
  if (histogram === undefined || count === 0) return [];
  const { attributes, startUnixNs } = series;
  const exemplars = histogram.exemplars(toUnixNs);
  return [{ attributes, startUnixNs, count, sum: histogram.sum, bucketCounts, exemplars }];
}
