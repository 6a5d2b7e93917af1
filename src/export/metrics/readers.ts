/** Puts together what reads the metrics. */
import type { Environment } from '../../config/environment.ts';
import type { TelemetryConfig } from '../../config/file/types.ts';
import { limits } from '../../config/limits.ts';
import { AgentError } from '../../telemetry/agent-error.ts';
import type { Counters } from '../../telemetry/counters.ts';
import { type Answer, Endpoint, PLAIN, type Routes } from '../../telemetry/endpoint.ts';
import type { Log } from '../../telemetry/log.ts';
import type { WallClock } from '../clock.ts';
import type { Deltas } from './otlp/deltas.ts';
import { createMetricExporter, type MetricExporter } from './otlp/exporter.ts';
import { MetricPush } from './otlp/push.ts';
import { chooseFormat } from './prometheus/negotiation.ts';
import { CONTENT_TYPES, write } from './prometheus/writer.ts';
import { type MetricReader, type MetricSettings, readMetricSettings } from './settings.ts';
import type { MetricSource } from './types.ts';

/** What is configured; may change while the agent runs. */
export interface Wanted {
  /** With what the file says in the words of the OTEL_* variables. */
  readonly env: Environment;
  readonly telemetry: Pick<TelemetryConfig, 'endpoint' | 'enabled'>;
  /** Somebody asked for this endpoint: it is an error when it cannot be had. */
  readonly isEndpointAsked: boolean;
}

/** Those that metrics are sent to; others come for them. */
export type PushReader = Exclude<MetricReader, 'prometheus'>;

export interface ReaderParts {
  readonly sources: readonly MetricSource[];
  readonly deltas: Readonly<Record<PushReader, Deltas>>;
  readonly counters: Counters;
  readonly clock: WallClock;
  /** Capture runs. */
  readonly isReady: () => boolean;
  readonly log: Log;
  /** Where OTEL_METRICS_EXPORTER=console prints. */
  readonly out: { write(text: string): unknown };
}

export interface OpenEndpoint {
  readonly address: string;
  readonly server: Endpoint;
}

/** Everything that may fail is done; nobody is sent anything yet. */
export interface OpenedReaders {
  readonly endpoint: OpenEndpoint | undefined;
  startPushes(): readonly MetricPush[];
}

/**
 * `before` keeps the endpoint where its address stays the same.
 * @throws AgentError when the settings are wrong or the endpoint that was asked for is taken
 */
export async function openReaders(
  wanted: Wanted,
  parts: ReaderParts,
  before: OpenEndpoint | undefined,
): Promise<OpenedReaders> {
  const settings = readMetricSettings(wanted.env);
  for (const warning of settings.warnings) parts.log.warn(warning);
  const exporters = await createExporters(wanted, settings, parts);
  const endpoint = await openEndpoint(wanted, settings, parts, before);
  return {
    endpoint,
    startPushes: () => exporters.map((each) => startPush(settings, each, parts)),
  };
}

async function openEndpoint(
  { telemetry, isEndpointAsked }: Wanted,
  { readers, prometheusAddress }: MetricSettings,
  parts: ReaderParts,
  before: OpenEndpoint | undefined,
): Promise<OpenEndpoint | undefined> {
  const isAsked = isEndpointAsked || readers.has('prometheus');
  const address = prometheusAddress ?? telemetry.endpoint;
  if (!telemetry.enabled && !readers.has('prometheus')) return undefined;
  if (before?.address === address) return before;
  try {
    const server = await listen(address, parts);
    parts.log.info(`/metrics, /healthz and /readyz are served on ${address}`);
    return { address, server };
  } catch (error) {
    if (isAsked || !(error instanceof AgentError)) throw error;
    parts.log.warn(`${error.message}; going on without`);
    return undefined;
  }
}

function listen(address: string, { sources, isReady, counters, log }: ReaderParts) {
  const bounds = {
    connectionsMax: limits.endpointConnectionsMax,
    requestsMax: limits.endpointRequestsMax,
    requestTimeoutMs: limits.endpointTimeoutMs,
  };
  const routes = routesOf(sources, isReady);
  return Endpoint.listen({ address, routes, limits: bounds, counters, log });
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

type Destination = readonly [PushReader, MetricExporter];

async function createExporters(
  { env }: Wanted,
  { readers }: MetricSettings,
  { counters, out }: ReaderParts,
): Promise<Destination[]> {
  const destinations: Destination[] = [];
  if (readers.has('otlp')) destinations.push(['otlp', await createMetricExporter(env, counters)]);
  if (readers.has('console')) destinations.push(['console', printer(out)]);
  return destinations;
}

function startPush(
  { intervalMs, temporalities }: MetricSettings,
  [reader, exporter]: Destination,
  { sources, deltas, clock, counters, log }: ReaderParts,
): MetricPush {
  return new MetricPush({
    exporter,
    sources,
    temporalities,
    intervalMs,
    deltas: deltas[reader],
    pointsMax: limits.metricRequestPointsMax,
    nowUnixNs: () => clock.unixNowNs(),
    counters,
    log,
  });
}

/** The text format is as good to read as any. */
function printer(out: ReaderParts['out']): MetricExporter {
  return {
    send: async ({ resources }) => {
      for (const piece of write(resources, 'text')) out.write(piece);
    },
    close: async () => undefined,
  };
}
