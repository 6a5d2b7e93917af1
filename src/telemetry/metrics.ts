/**
 * The agent's own metrics: every counter as an observable counter, through the OpenTelemetry SDK
 * and by its variables (OTEL_METRICS_EXPORTER, OTEL_EXPORTER_OTLP_*). Nothing is loaded unless
 * somebody is to receive them, and sdk-node only for what sdk-metrics alone does not do: it takes
 * 60 MB.
 */
import type { Meter } from '@opentelemetry/api';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import { COUNTER_NAMES, type Counters, DEFINITIONS } from './counters.ts';

export interface Metrics {
  /** Sends the last values. */
  stop(): Promise<void>;
}

type Environment = Record<string, string | undefined>;

/** A receiver that is silent is not waited for. */
const STOP_DEADLINE_MS = 2_000;
const SERVICE_NAME = 'spantap';
/** Defaults of the specification. */
const EXPORT_INTERVAL_MS = 60_000;
const EXPORT_TIMEOUT_MS = 30_000;

/** Asked for by name, or an endpoint is configured for them. */
export function wantsMetrics(env: Readonly<Environment>): boolean {
  const asked = env.OTEL_METRICS_EXPORTER?.trim() ?? '';
  if (asked !== '') return asked !== 'none';
  const endpoint = env.OTEL_EXPORTER_OTLP_METRICS_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_ENDPOINT ?? '';
  return endpoint.trim() !== '';
}

/**
 * Reads `counters` whenever metrics are collected; undefined when nobody wants them. The SDK
 * reads the variables of this process.
 */
export async function startMetrics(
  env: Environment,
  version: string,
  counters: () => Counters,
): Promise<Metrics | undefined> {
  if (!wantsMetrics(env)) return undefined;
  const { stop, meter } = isPlainOtlp(env)
    ? await startOtlp(env, version)
    : await startSdk(env, version);
  const instruments = COUNTER_NAMES.map((name) =>
    meter.createObservableCounter(`${SERVICE_NAME}.${name}`, {
      description: DEFINITIONS[name].help,
      ...(name.endsWith('bytes') ? { unit: 'By' } : {}),
    }),
  );
  meter.addBatchObservableCallback((result) => {
    const now = counters();
    COUNTER_NAMES.forEach((name, index) => {
      const instrument = instruments[index];
      if (instrument !== undefined) result.observe(instrument, now.get(name));
    });
  }, instruments);
  return { stop: () => within(STOP_DEADLINE_MS, stop()) };
}

interface Source {
  readonly meter: Meter;
  readonly stop: () => Promise<void>;
}

/** The default, also when several readers are named: sdk-node would do it with 60 MB more. */
function isPlainOtlp(env: Readonly<Environment>): boolean {
  const asked = env.OTEL_METRICS_EXPORTER?.trim() ?? '';
  return asked === '' || asked === 'otlp';
}

async function startOtlp(env: Environment, version: string): Promise<Source> {
  const { MeterProvider, PeriodicExportingMetricReader } = await import(
    '@opentelemetry/sdk-metrics'
  );
  const interval = Number(env.OTEL_METRIC_EXPORT_INTERVAL?.trim() || EXPORT_INTERVAL_MS);
  const reader = new PeriodicExportingMetricReader({
    exporter: await createOtlpExporter(env),
    exportIntervalMillis: interval > 0 ? interval : EXPORT_INTERVAL_MS,
    exportTimeoutMillis: Math.min(interval > 0 ? interval : EXPORT_INTERVAL_MS, EXPORT_TIMEOUT_MS),
  });
  const resource = await resourceOf(env, version);
  const provider = new MeterProvider({ resource, readers: [reader] });
  return {
    meter: provider.getMeter(SERVICE_NAME, version),
    stop: () => provider.shutdown(),
  };
}

/** Endpoint, headers, TLS and compression are read from the variables by the packages. */
async function createOtlpExporter(env: Readonly<Environment>): Promise<PushMetricExporter> {
  const protocol =
    env.OTEL_EXPORTER_OTLP_METRICS_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL || 'http/protobuf';
  if (protocol === 'grpc') {
    const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-grpc');
    return new OTLPMetricExporter();
  }
  if (protocol === 'http/json') {
    const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-http');
    return new OTLPMetricExporter();
  }
  const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-proto');
  return new OTLPMetricExporter();
}

/** Everything else that OTEL_METRICS_EXPORTER can name: console, prometheus, several. */
async function startSdk(env: Environment, version: string): Promise<Source> {
  // The specification's default; the package would listen on every interface.
  env.OTEL_EXPORTER_PROMETHEUS_HOST ??= 'localhost';
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const { metrics } = await import('@opentelemetry/api');
  const sdk = new NodeSDK({
    resource: await resourceOf(env, version),
    // Spans and logs take other ways.
    spanProcessors: [],
    logRecordProcessors: [],
    textMapPropagator: null,
  });
  sdk.start();
  return { meter: metrics.getMeter(SERVICE_NAME, version), stop: () => sdk.shutdown() };
}

async function resourceOf(env: Readonly<Environment>, version: string) {
  const { resourceFromAttributes } = await import('@opentelemetry/resources');
  return resourceFromAttributes({
    'service.name': env.OTEL_SERVICE_NAME?.trim() || SERVICE_NAME,
    'service.version': version,
  });
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
