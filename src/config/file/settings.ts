/**
 * Settings that the standard OTEL_* variables name too
 * (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables, .../protocol/exporter).
 * Read from the environment into the configuration (overrides.ts), and written from the file into
 * the environment of the exporters, which the official packages read (otel-environment.ts).
 */
import { type Environment, textOf, toBoolean } from '../environment.ts';
import type { Reading } from './scalars.ts';
import type { ValueSource } from './schema.ts';

export interface Setting {
  readonly path: string;
  /** The first that is set counts. Those of one signal come before the general one. */
  readonly variables: readonly string[];
  /** Which of them the file's value is handed on as. */
  readonly variable: string;
  /** When one of these is set, it replaces what the file says here. */
  readonly general?: readonly string[];
  /** Where the text is not simply what the file would say. */
  readonly parse?: (text: string) => Reading | { readonly value: unknown };
  readonly format?: (value: unknown) => string;
  /** Spans would go elsewhere: a value that cannot be meant is an error. */
  readonly isVital?: boolean;
}

const OTLP = 'OTEL_EXPORTER_OTLP_';

/** Spans decide: `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT` before `OTEL_EXPORTER_OTLP_TIMEOUT`. */
function exporter(path: string, name: string, rest: Partial<Setting> = {}): Setting {
  const variable = OTLP + name;
  return {
    path: `otel.${path}`,
    variables: [`${OTLP}TRACES_${name}`, variable],
    variable,
    ...rest,
  };
}

function plain(path: string, variables: readonly string[], rest: Partial<Setting> = {}): Setting {
  return { path, variables, variable: variables[0] ?? '', ...rest };
}

const milliseconds = {
  parse: (text: string): Reading => {
    const value = Number(text);
    if (Number.isFinite(value) && value >= 0) return { value };
    return { message: `"${text}" is no number of milliseconds` };
  },
  format: String,
} as const;

const words = {
  parse: (text: string) => ({ value: text.split(',').map((word) => word.trim()) }),
  format: (value: unknown) => (value as readonly string[]).join(','),
} as const;

const signal = (path: string, name: string): Setting =>
  plain(path, [`${OTLP}${name}_ENDPOINT`], { general: [`${OTLP}ENDPOINT`], isVital: true });

export const SETTINGS: readonly Setting[] = [
  plain('otel.endpoint', [`${OTLP}ENDPOINT`], { isVital: true }),
  signal('otel.traces_endpoint', 'TRACES'),
  signal('otel.metrics_endpoint', 'METRICS'),
  signal('otel.logs_endpoint', 'LOGS'),
  exporter('protocol', 'PROTOCOL', { isVital: true }),
  exporter('headers', 'HEADERS', { parse: parseHeaders, format: formatHeaders }),
  exporter('compression', 'COMPRESSION'),
  exporter('timeout', 'TIMEOUT', milliseconds),
  exporter('tls.insecure', 'INSECURE'),
  exporter('tls.ca_file', 'CERTIFICATE'),
  exporter('tls.cert_file', 'CLIENT_CERTIFICATE'),
  exporter('tls.key_file', 'CLIENT_KEY'),
  plain('otel.retry_on_failure.max_elapsed_time', ['OTEL_BSP_EXPORT_TIMEOUT'], milliseconds),
  plain('otel.sending_queue.queue_size', ['OTEL_BSP_MAX_QUEUE_SIZE']),
  plain('otel.sending_queue.batch.max_size', ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE']),
  plain('otel.sending_queue.batch.flush_timeout', ['OTEL_BSP_SCHEDULE_DELAY'], milliseconds),
  plain('otel.traces_exporters', ['OTEL_TRACES_EXPORTER'], { ...words, isVital: true }),
  plain('otel.metrics_exporters', ['OTEL_METRICS_EXPORTER'], words),
  plain('otel.metrics_interval', ['OTEL_METRIC_EXPORT_INTERVAL'], milliseconds),
  plain('otel.known_methods', ['OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS'], words),
  plain('limits.attribute_value_length_limit', [
    'OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT',
    'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT',
  ]),
  plain('limits.attribute_count_limit', [
    'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT',
    'OTEL_ATTRIBUTE_COUNT_LIMIT',
  ]),
];

export const DISABLED = 'OTEL_SDK_DISABLED';
const SAMPLER = ['OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG'];

/** Everything is turned off, whatever else is said. The specification: anything but "true" is false. */
export function isDisabled(environment: Environment): boolean {
  return toBoolean(textOf(environment, DISABLED)) === true;
}

/** Standard variables that are set and that no key of the file stands for. */
export function otherVariables(environment: Environment): string[] {
  const known = new Set([...SETTINGS.flatMap(({ variables }) => variables), ...SAMPLER, DISABLED]);
  return Object.keys(environment)
    .filter((name) => name.startsWith('OTEL_') && !known.has(name))
    .filter((name) => textOf(environment, name) !== '')
    .sort();
}

/** `name=value,name=value`, values percent-encoded (W3C baggage). */
function parseHeaders(text: string): Reading | { readonly value: unknown } {
  const headers: Record<string, ValueSource> = {};
  for (const pair of text.split(',').filter((part) => part.trim() !== '')) {
    const equals = pair.indexOf('=');
    if (equals < 1) return { message: 'it is no list of name=value, separated by commas' };
    const name = pair.slice(0, equals).trim();
    headers[name] = { type: 'text', name: '', value: decode(pair.slice(equals + 1).trim()) };
  }
  return { value: headers };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function formatHeaders(value: unknown): string {
  return Object.entries(value as Readonly<Record<string, ValueSource>>)
    .map(([name, { value: text }]) => `${name}=${encodeURIComponent(text)}`)
    .join(',');
}
