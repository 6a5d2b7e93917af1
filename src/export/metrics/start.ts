/**
 * Everything that is counted, and everyone who reads it: the collector that metrics are pushed to,
 * and the agent's endpoint with /metrics, /healthz and /readyz.
 */
import type { TelemetryConfig } from '../../config/file/types.ts';
import { limits } from '../../config/limits.ts';
import type { Counters } from '../../telemetry/counters.ts';
import { type Answer, Endpoint, PLAIN, type Routes } from '../../telemetry/endpoint.ts';
import type { Log } from '../../telemetry/log.ts';
import type { WallClock } from '../clock.ts';
import type { ResourceOf } from '../types.ts';
import { AgentMetrics, agentResource } from './agent-metrics.ts';
import { HttpMetrics } from './http-metrics.ts';
import { createMetricExporter, type MetricExporter } from './otlp/exporter.ts';
import { MetricPush } from './otlp/push.ts';
import { chooseFormat } from './prometheus/negotiation.ts';
import { CONTENT_TYPES, write } from './prometheus/writer.ts';
import { type MetricSettings, readMetricSettings } from './settings.ts';
import type { MetricSource } from './types.ts';

export interface MetricsParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly telemetry: Pick<TelemetryConfig, 'endpoint' | 'enabled'>;
  /** Somebody asked for this endpoint: it is an error when it cannot be had. */
  readonly isEndpointAsked: boolean;
  /** Of all threads, at the moment. */
  readonly allCounters: () => Counters;
  /** This thread's. */
  readonly counters: Counters;
  readonly clock: WallClock;
  readonly resourceOf: ResourceOf;
  readonly knownMethods?: readonly string[] | undefined;
  /** Capture runs. */
  readonly isReady: () => boolean;
  readonly log: Log;
  /** Where OTEL_METRICS_EXPORTER=console prints. */
  readonly out: { write(text: string): unknown };
}

export interface Metrics {
  /** Counts exchanges; undefined when nobody would read it. */
  readonly http: HttpMetrics | undefined;
  /** Port of the endpoint; undefined when there is none. */
  readonly port: number | undefined;
  /** Sends the last values and ends the endpoint; waits for a silent receiver only so long. */
  stop(): Promise<void>;
}

const STOP_DEADLINE_MS = 2_000;

/** @throws AgentError when the settings are wrong or the endpoint that was asked for is taken */
export async function startMetrics(parts: MetricsParts): Promise<Metrics> {
  const { clock, log, version } = parts;
  const settings = readMetricSettings(parts.env);
  for (const warning of settings.warnings) log.warn(warning);
  const http = new HttpMetrics(parts);
  const resource = agentResource(parts.env, version);
  const own = new AgentMetrics(resource, parts.allCounters, clock.unixNowNs());
  const sources = [own, http];
  const exporters = await createExporters(parts, settings);
  const endpoint = await openEndpoint(parts, settings, sources);
  const pushes = exporters.map((exporter) => startPush(parts, settings, exporter, sources));
  const isRead = endpoint !== undefined || pushes.length > 0;
  return {
    http: isRead ? http : undefined,
    port: endpoint?.port,
    stop: () =>
      within(
        STOP_DEADLINE_MS,
        Promise.allSettled([...pushes.map((push) => push.stop()), endpoint?.close()]),
      ),
  };
}

async function openEndpoint(
  parts: MetricsParts,
  settings: MetricSettings,
  sources: readonly MetricSource[],
): Promise<Endpoint | undefined> {
  const { telemetry, counters, log } = parts;
  const isAsked = parts.isEndpointAsked || settings.readers.has('prometheus');
  const address = settings.prometheusAddress ?? telemetry.endpoint;
  if (!telemetry.enabled && !settings.readers.has('prometheus')) return undefined;
  try {
    const bounds = {
      connectionsMax: limits.endpointConnectionsMax,
      requestsMax: limits.endpointRequestsMax,
      requestTimeoutMs: limits.endpointTimeoutMs,
    };
    const routes = routesOf(sources, parts.isReady);
    const endpoint = await Endpoint.listen({ address, routes, limits: bounds, counters, log });
    log.info(`/metrics, /healthz and /readyz are served on ${address}`);
    return endpoint;
  } catch (error) {
    if (isAsked || !(error instanceof Error)) throw error;
    log.warn(`${error.message}; going on without`);
    return undefined;
  }
}

function routesOf(sources: readonly MetricSource[], isReady: () => boolean): Routes {
  const plain = (status: number, text: string): Answer => ({
    status,
    contentType: PLAIN,
    body: [`${text}\n`],
  });
  return {
    '/metrics': (accept) => {
      const format = chooseFormat(accept);
      const collected = sources.flatMap((source) => source.collect());
      return { status: 200, contentType: CONTENT_TYPES[format], body: write(collected, format) };
    },
    '/healthz': () => plain(200, 'healthy'),
    '/readyz': () => (isReady() ? plain(200, 'ready') : plain(503, 'not ready')),
  };
}

async function createExporters(
  { env, counters, out }: MetricsParts,
  { readers }: MetricSettings,
): Promise<MetricExporter[]> {
  return [
    ...(readers.has('otlp') ? [await createMetricExporter(env, counters)] : []),
    ...(readers.has('console') ? [printer(out)] : []),
  ];
}

function startPush(
  { clock, counters, log }: MetricsParts,
  { intervalMs, temporalities }: MetricSettings,
  exporter: MetricExporter,
  sources: readonly MetricSource[],
): MetricPush {
  return new MetricPush({
    exporter,
    sources,
    temporalities,
    intervalMs,
    pointsMax: limits.metricRequestPointsMax,
    nowUnixNs: () => clock.unixNowNs(),
    counters,
    log,
  });
}

/** The text format is as good to read as any. */
function printer(out: MetricsParts['out']): MetricExporter {
  return {
    send: async ({ resources }) => {
      for (const piece of write(resources, 'text')) out.write(piece);
    },
    close: async () => undefined,
  };
}

/** Settles when `work` does, whatever comes of it, or after the deadline. */
async function within(deadlineMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs);
  });
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}
