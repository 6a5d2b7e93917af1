/** Where metrics go, as the standard variables say it. */
import { type Environment, textOf } from '../../config/environment.ts';
import { AgentError } from '../../telemetry/agent-error.ts';
import { otlpVariable } from '../variables.ts';
import type { Temporalities } from './otlp/snapshot.ts';

export type MetricReader = 'otlp' | 'prometheus' | 'console';

export interface MetricSettings {
  readonly readers: ReadonlySet<MetricReader>;
  /** Of OTEL_EXPORTER_PROMETHEUS_HOST and _PORT, when one is set and `prometheus` is asked for. */
  readonly prometheusAddress: string | undefined;
  readonly intervalMs: number;
  readonly temporalities: Temporalities;
  readonly warnings: readonly string[];
}

const READERS: readonly string[] = ['otlp', 'prometheus', 'console'];
/** Defaults of the specification. */
const INTERVAL_MS = 60_000;
const PROMETHEUS_HOST = 'localhost';
const PROMETHEUS_PORT = '9464';

const PREFERENCES: Readonly<Record<string, Temporalities>> = {
  cumulative: { counter: 'cumulative', histogram: 'cumulative' },
  delta: { counter: 'delta', histogram: 'delta' },
  // Counters are observed, not recorded: those stay cumulative.
  lowmemory: { counter: 'cumulative', histogram: 'delta' },
};

/** @throws AgentError for exporters that there are not */
export function readMetricSettings(env: Environment): MetricSettings {
  const warnings: string[] = [];
  const text = (name: string) => textOf(env, name);
  const readers = readReaders(env);
  const interval = text('OTEL_METRIC_EXPORT_INTERVAL');
  const intervalMs = Number(interval || INTERVAL_MS);
  const isInterval = Number.isFinite(intervalMs) && intervalMs > 0;
  if (!isInterval) {
    warnings.push(`OTEL_METRIC_EXPORT_INTERVAL=${interval} is no number of milliseconds`);
  }
  const preference = text('OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE').toLowerCase();
  const temporalities = PREFERENCES[preference || 'cumulative'];
  if (temporalities === undefined) {
    const known = Object.keys(PREFERENCES).join(', ');
    warnings.push(`the temporality ${preference} is not understood (${known}): cumulative`);
  }
  const host = text('OTEL_EXPORTER_PROMETHEUS_HOST');
  const port = text('OTEL_EXPORTER_PROMETHEUS_PORT');
  const isElsewhere = readers.has('prometheus') && host + port !== '';
  return {
    readers,
    prometheusAddress: isElsewhere
      ? `${host || PROMETHEUS_HOST}:${port || PROMETHEUS_PORT}`
      : undefined,
    intervalMs: isInterval ? intervalMs : INTERVAL_MS,
    temporalities: temporalities ?? PREFERENCES.cumulative,
    warnings,
  };
}

/** OTEL_METRICS_EXPORTER, else OTLP where an endpoint for metrics is configured. */
function readReaders(env: Environment): Set<MetricReader> {
  const asked = textOf(env, 'OTEL_METRICS_EXPORTER');
  if (asked === '') {
    return new Set(otlpVariable(env, 'METRICS', 'ENDPOINT') === '' ? [] : ['otlp']);
  }
  const names = asked.split(',').map((name) => name.trim());
  const unknown = names.find((name) => name !== 'none' && !READERS.includes(name));
  if (unknown !== undefined) {
    throw new AgentError('config', {
      what: `OTEL_METRICS_EXPORTER=${asked} is not understood`,
      todo: `use ${READERS.join(', ')} or none`,
    });
  }
  return new Set(names.filter((name): name is MetricReader => name !== 'none'));
}
