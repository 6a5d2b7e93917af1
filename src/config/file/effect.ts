/**
 * Settings of the file that the agent does not act on yet: `run` names each, so that nothing is
 * silently left out. A setting that says what happens anyway is not named.
 */
import { isDeepStrictEqual } from 'node:util';
import { defaults } from './load.ts';
import type { Origin } from './overrides.ts';
import { findPlace, valueAt } from './place.ts';
import type { Config } from './types.ts';

/** What works, by path; everything below it too. */
const IN_EFFECT: readonly string[] = [
  'version',
  'tap.direction',
  'tap.ignore_loopback',
  'tap.http',
  'tap.endpoints',
  'tap.filters',
  'tags',
  'services.object_stores',
  'rulekit',
  'link',
  'redaction',
  'capture',
  'otel.endpoint',
  'otel.traces_endpoint',
  'otel.metrics_endpoint',
  'otel.protocol',
  'otel.headers',
  'otel.compression',
  'otel.timeout',
  'otel.tls.insecure',
  'otel.tls.ca_file',
  'otel.tls.cert_file',
  'otel.tls.key_file',
  'otel.retry_on_failure.max_elapsed_time',
  'otel.sending_queue.queue_size',
  'otel.sending_queue.batch',
  'otel.spool',
  'otel.traces_exporters',
  'otel.metrics_exporters',
  'otel.metrics_interval',
  'otel.known_methods',
  'otel.request_headers',
  'otel.response_headers',
  'sampling',
  'limits.head_size',
  'limits.body_size',
  'limits.body_memory_size',
  'limits.body_spool',
  'limits.ring_size',
  'limits.decoded_body_size',
  'limits.kernel_connections',
  'limits.attribute_value_length_limit',
  'limits.attribute_count_limit',
  'telemetry',
];

/** What is said of it as one, by path. The longest that fits counts. */
const PARTS: Readonly<Record<string, string>> = {
  services: 'connection events are written nowhere',
  stacks: 'plugins other than http_capture and http_metrics do nothing',
  tap: 'connections to name servers are not reported',
  limits: 'the built-in bounds hold',
  otel: 'the built-in value holds',
};

export interface WithoutEffect {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** One for each part of the file. */
export function findWithoutEffect(
  config: Config,
  origins: ReadonlyMap<string, Origin>,
): WithoutEffect[] {
  const found = new Map<string, WithoutEffect>();
  for (const [path, origin] of origins) {
    const part = partOf(path);
    if (origin.from !== 'file' || part === undefined || found.has(part)) continue;
    if (isContainer(path, origins) || isInEffect(path, config) || isDefault(path, config)) continue;
    const key = path.replace(/\[.*/, '');
    found.set(part, { path, line: origin.line, message: `${key}: ${PARTS[part]}` });
  }
  return [...found.values()];
}

function isInEffect(path: string, config: Config): boolean {
  if (path === 'stacks' || path.startsWith('stacks.')) {
    const plugins = Object.values(config.stacks).flatMap((stack) => stack.plugins);
    return plugins.every(({ type }) => type === 'http_capture' || type === 'http_metrics');
  }
  return IN_EFFECT.some((known) => isBelow(path, known));
}

function isContainer(path: string, origins: ReadonlyMap<string, Origin>): boolean {
  return findPlace(path)?.field.schema.kind === 'object' || origins.has(`${path}[0]`);
}

/** Of a list, all of it counts. */
function isDefault(path: string, config: Config): boolean {
  const setting = path.replace(/\[.*$/, '');
  if (findPlace(setting) === undefined) return false;
  return isDeepStrictEqual(valueAt(config, setting), valueAt(defaults(), setting));
}

function isBelow(path: string, above: string): boolean {
  return path === above || path.startsWith(`${above}.`) || path.startsWith(`${above}[`);
}

/** The longest that fits. */
function partOf(path: string): string | undefined {
  return Object.keys(PARTS)
    .filter((part) => isBelow(path, part))
    .toSorted((a, b) => b.length - a.length)[0];
}
