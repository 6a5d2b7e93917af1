/**
 * Settings of the export stage from the standard variables. Values that a number or a known word
 * was expected for are ignored with a warning, as the OpenTelemetry specification asks; an
 * endpoint or a certificate that cannot be used ends the start, since spans would go elsewhere.
 */
import { readFileSync } from 'node:fs';
import { type Environment, textOf } from '../config/environment.ts';
import { limits } from '../config/limits.ts';
import { withoutUsers } from '../config/secrets.ts';
import { AgentError, messageOf } from '../telemetry/agent-error.ts';
import { otlpVariable } from './variables.ts';

export interface ExportSettings {
  readonly scheduleDelayMs: number;
  readonly queueSpansMax: number;
  readonly batchSpansMax: number;
  readonly retryMs: number;
  readonly attributeBytesMax: number;
  readonly attributesMax: number;
  readonly knownMethods: readonly string[] | undefined;
  readonly warnings: readonly string[];
}

const SCHEDULE_DELAY_MS = 1_000;
const PREFIXES = ['OTEL_EXPORTER_OTLP_TRACES_', 'OTEL_EXPORTER_OTLP_'];
const FILES = ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY'];

/** @throws AgentError for an endpoint that is no URL, or a certificate that cannot be read */
export function readExportSettings(env: Environment): ExportSettings {
  const warnings: string[] = [];
  const number = (name: string, fallback: number, least: number, most: number): number => {
    const text = textOf(env, name);
    if (text === '') return fallback;
    const value = Number(text);
    if (Number.isFinite(value) && value >= least) return Math.min(value, most);
    warnings.push(`${name}=${text} is not a number from ${least} on; using ${fallback}`);
    return fallback;
  };
  checkEndpoints(env);
  checkFiles(env);
  const everyByte = number(
    'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT',
    limits.attributeBytesMax,
    0,
    65_536,
  );
  const everyCount = number('OTEL_ATTRIBUTE_COUNT_LIMIT', limits.attributesMax, 0, 1_024);
  return {
    scheduleDelayMs: number('OTEL_BSP_SCHEDULE_DELAY', SCHEDULE_DELAY_MS, 0, 60_000),
    queueSpansMax: number('OTEL_BSP_MAX_QUEUE_SIZE', limits.exportQueueSpansMax, 1, 2 ** 24),
    batchSpansMax: number(
      'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
      limits.exportBatchSpansMax,
      1,
      limits.exportBatchSpansMax,
    ),
    retryMs: number('OTEL_BSP_EXPORT_TIMEOUT', limits.exportRetryMs, 1, limits.exportRetryMs),
    attributeBytesMax: number('OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', everyByte, 0, 65_536),
    attributesMax: number('OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', everyCount, 0, 1_024),
    knownMethods: readMethods(env),
    warnings,
  };
}

function readMethods(env: Environment): readonly string[] | undefined {
  const text = textOf(env, 'OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS');
  if (text === '') return undefined;
  return text.split(',').map((method) => method.trim());
}

/** gRPC also takes host:port and unix: addresses; HTTP would fail at each request. */
function checkEndpoints(env: Environment): void {
  const isGrpc = otlpVariable(env, 'TRACES', 'PROTOCOL') === 'grpc';
  for (const name of PREFIXES.map((prefix) => `${prefix}ENDPOINT`)) {
    const text = textOf(env, name);
    const isUrl = URL.canParse(text) && /^https?:\/\//i.test(text);
    const isAddress = isGrpc && /^unix:|^[^/]+$/.test(text);
    if (text === '' || isUrl || isAddress) continue;
    throw new AgentError('config', {
      what: `${name}=${withoutUsers(text, '')} is not an http:// or https:// URL`,
      todo: 'give scheme, host and port, such as http://localhost:4318',
    });
  }
}

/** The official packages go on without a certificate that they cannot read. */
function checkFiles(env: Environment): void {
  for (const prefix of PREFIXES) {
    for (const file of FILES) {
      const path = textOf(env, prefix + file);
      if (path === '') continue;
      try {
        readFileSync(path);
      } catch (error) {
        const why = messageOf(error);
        throw new AgentError('config', {
          what: `${prefix}${file} cannot be read`,
          why,
          todo: 'correct the path, or unset the variable',
        });
      }
    }
  }
}
