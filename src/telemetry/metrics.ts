/**
 * The agent's own metrics: every counter as an observable counter, through the OpenTelemetry SDK
 * and by its variables (OTEL_METRICS_EXPORTER, OTEL_EXPORTER_OTLP_*). Nothing is loaded unless
 * somebody is to receive them: the SDK takes 26 MB.
 */
import { COUNTER_NAMES, type Counters, DEFINITIONS } from './counters.ts';

export interface Metrics {
  /** Sends the last values. */
  stop(): Promise<void>;
}

type Environment = Record<string, string | undefined>;

/** A receiver that is silent is not waited for. */
const STOP_DEADLINE_MS = 2_000;
const SERVICE_NAME = 'spantap';

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
  // The specification's default; the package would listen on every interface.
  env.OTEL_EXPORTER_PROMETHEUS_HOST ??= 'localhost';
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const { metrics } = await import('@opentelemetry/api');
  const { resourceFromAttributes } = await import('@opentelemetry/resources');
  const sdk = new NodeSDK({
    serviceName: env.OTEL_SERVICE_NAME?.trim() || SERVICE_NAME,
    resource: resourceFromAttributes({ 'service.version': version }),
    // Spans and logs take other ways.
    spanProcessors: [],
    logRecordProcessors: [],
    textMapPropagator: null,
  });
  sdk.start();
  const meter = metrics.getMeter(SERVICE_NAME, version);
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
  return { stop: () => within(STOP_DEADLINE_MS, sdk.shutdown()) };
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
