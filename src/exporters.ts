/** The exporter of spans that a configuration asks for; the same one over a reload that leaves it. */
import { isDeepStrictEqual } from 'node:util';
import { contentsOfVariables } from './certificate-files.ts';
import { type Environment, variablesOf } from './config/environment.ts';
import { SPAN_SPOOL_DIRECTORY } from './config/file/sections/otel.ts';
import type { Config, SpoolConfig } from './config/file/types.ts';
import { chooseExporter, type ExporterChoice } from './export/choose.ts';
import type { WallClock } from './export/clock.ts';
import {
  createExporter,
  createOtlpExporter,
  type ExportParts,
  type SendingSettings,
} from './export/create.ts';
import { discard } from './export/discard.ts';
import type { SpanExporter } from './export/exporter.ts';
import { readExportSettings } from './export/settings.ts';
import { openSpanSpool, type SpanSpool } from './export/span-spool.ts';
import type { ResourceOf } from './export/types.ts';
import type { Counters } from './telemetry/counters.ts';
import type { Log } from './telemetry/log.ts';

export interface ExporterContext {
  readonly clock: WallClock;
  readonly counters: Counters;
  readonly log: Log;
  readonly resourceOf: ResourceOf;
}

export interface OpenedExporter {
  readonly exporter: SpanExporter;
  readonly choice: ExporterChoice;
  /** All that it depends on. */
  readonly key: unknown;
  /** Where its spans wait on disk, and by which settings. */
  readonly spool?: { readonly spool: SpanSpool; readonly directory: string };
}

/**
 * `isRedacted`: heads come without secrets. `before`: that of the last configuration.
 * @throws AgentError for an endpoint or a certificate that cannot be used
 */
export async function openExporter(
  config: Config,
  env: Environment,
  isRedacted: boolean,
  context: ExporterContext,
  before?: OpenedExporter,
): Promise<OpenedExporter> {
  const key = keyOf(config, env, isRedacted);
  if (before !== undefined && isDeepStrictEqual(before.key, key)) return before;
  const choice = await chooseExporter(env);
  const { log, clock, counters, resourceOf } = context;
  log.info(`spans go to ${choice.kinds.join(' and ') || 'nowhere'}: ${choice.reason}`);
  const settings = readExportSettings(env);
  for (const warning of settings.warnings) log.warn(warning);
  const { requestHeaders, responseHeaders } = config.otel;
  const headers = { requestHeaders, responseHeaders, isRedacted };
  const out = process.stdout;
  const hasSpool = choice.kinds.includes('otlp') && !isEncodeOnly(env);
  const spool = hasSpool ? await spoolFor(config.otel.spool, context, before) : undefined;
  const sending = sendingOf(config);
  const common = { settings, sending, env, headers, log, clock, counters, out, resourceOf };
  const parts: ExportParts = spool === undefined ? common : { ...common, spool };
  const exporter = isEncodeOnly(env)
    ? createOtlpExporter(parts, choice.protocol, discard)
    : createExporter(choice, parts);
  if (spool === undefined) return { exporter, choice, key };
  return { exporter, choice, key, spool: { spool, directory: config.otel.spool.directory } };
}

/**
 * Only one can have a directory: over a reload the same spool goes on, with the size it had. One
 * whose directory nobody named may be missing or taken: spans wait in memory then.
 */
async function spoolFor(
  options: SpoolConfig,
  { counters, log }: ExporterContext,
  before: OpenedExporter | undefined,
): Promise<SpanSpool | undefined> {
  const { directory, enabled } = options;
  if (enabled && before?.spool?.directory === directory) return before.spool.spool;
  const isRequired = directory !== SPAN_SPOOL_DIRECTORY;
  return openSpanSpool({ ...options, isRequired }, counters, log);
}

function sendingOf({ otel }: Config): SendingSettings {
  const { enabled, initialIntervalMs, maxIntervalMs } = otel.retryOnFailure;
  return {
    requestsMax: otel.sendingQueue.numConsumers,
    retry: { isRetried: enabled, backoff: { initialIntervalMs, maxIntervalMs } },
    isAnyCertificateTrusted: otel.tls.insecureSkipVerify,
  };
}

function keyOf({ otel, limits }: Config, env: Environment, isRedacted: boolean): unknown {
  const { attributeCountLimit, attributeValueLengthLimit } = limits;
  const bounds = { attributeCountLimit, attributeValueLengthLimit };
  const certificates = contentsOfVariables(env);
  return { otel, bounds, isRedacted, certificates, variables: variablesOf(env, 'OTEL_') };
}

/** Benchmarks measure encoding apart from sending. */
function isEncodeOnly(env: Environment): boolean {
  return env.SPANTAP_BENCH_ENCODE_ONLY === '1';
}
