/** Sends metrics every interval, and once more at the end. */

import { messageOf } from '../../../telemetry/agent-error.ts';
import type { Counters } from '../../../telemetry/counters.ts';
import type { Log } from '../../../telemetry/log.ts';
import type { MetricData, MetricSource, ResourceMetrics } from '../types.ts';
import type { Deltas } from './deltas.ts';
import type { MetricExporter } from './exporter.ts';
import { countPoints, split, type Temporalities } from './snapshot.ts';

export interface PushOptions {
  readonly exporter: MetricExporter;
  readonly sources: readonly MetricSource[];
  readonly temporalities: Temporalities;
  /** What the receiver has had; outlives changes of the settings. */
  readonly deltas: Deltas;
  readonly intervalMs: number;
  /** Of one request. */
  readonly pointsMax: number;
  readonly nowUnixNs: () => bigint;
  readonly counters: Counters;
  readonly log: Log;
}

export class MetricPush {
  readonly #options: PushOptions;
  readonly #timer: NodeJS.Timeout;
  #underWay: Promise<void> | undefined;
  /** Span ids of the exemplars that were sent: each is told once. */
  #exemplars = new Set<string>();
  #isFailing = false;

  constructor(options: PushOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.push(), options.intervalMs).unref();
  }

  /** Resolves when everything arrived or failed. One at a time: a slow receiver gets the next. */
  push(): Promise<void> {
    this.#underWay ??= this.#pushAll().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#underWay;
    await this.push();
    await this.#options.exporter.close();
  }

  async #pushAll(): Promise<void> {
    const { sources, temporalities, deltas, pointsMax, nowUnixNs } = this.#options;
    const timeUnixNs = nowUnixNs();
    const collected = sources.flatMap((source) => source.collect());
    const told = new Set<string>();
    const news = withoutTold(collected, this.#exemplars, told);
    const changes = deltas.of(news, timeUnixNs, temporalities);
    for (const resources of split(changes, pointsMax)) {
      if (!(await this.#send({ timeUnixNs, temporalities, resources }))) return;
      deltas.arrived(resources);
    }
    this.#exemplars = told;
  }

  async #send(snapshot: Parameters<MetricExporter['send']>[0]): Promise<boolean> {
    const { exporter, counters, log } = this.#options;
    try {
      await exporter.send(snapshot);
    } catch (error) {
      counters.add('metrics.push_failed');
      const why = messageOf(error);
      if (!this.#isFailing) log.warn(`metrics do not arrive: ${why}; the next ones say it all`);
      this.#isFailing = true;
      return false;
    }
    counters.add('metrics.pushed_points', countPoints(snapshot.resources));
    if (this.#isFailing) log.info('metrics arrive again');
    this.#isFailing = false;
    return true;
  }
}

/** Exemplars stay until another one takes their bucket; those `before` a receiver has had. */
function withoutTold(
  resources: readonly ResourceMetrics[],
  before: ReadonlySet<string>,
  told: Set<string>,
): ResourceMetrics[] {
  const strip = (metric: MetricData): MetricData => {
    if (metric.kind === 'counter') return metric;
    const points = metric.points.map((point) => {
      const exemplars = point.exemplars.filter(({ spanId }) => {
        const id = `${metric.name} ${spanId}`;
        told.add(id);
        return !before.has(id);
      });
      return { ...point, exemplars };
    });
    return { ...metric, points };
  };
  return resources.map(({ resource, metrics }) => ({ resource, metrics: metrics.map(strip) }));
}
