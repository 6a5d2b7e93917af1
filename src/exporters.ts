/** The exporter of spans that a configuration asks for; the same one over a reload that leaves it. */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config/file/types.ts';
import { chooseExporter, type ExporterChoice } from './export/choose.ts';
import type { WallClock } from './export/clock.ts';
import { createExporter, createOtlpExporter, type ExportParts } from './export/create.ts';
import { discard } from './export/discard.ts';
import type { SpanExporter } from './export/exporter.ts';
import { readExportSettings } from './export/settings.ts';
import type { ResourceOf } from './export/types.ts';
import type { Counters } from './telemetry/counters.ts';
import type { Log } from './telemetry/log.ts';

type Environment = Readonly<Record<string, string | undefined>>;

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
  const parts: ExportParts = { settings, env, headers, log, clock, counters, out, resourceOf };
  const exporter = isEncodeOnly(env)
    ? createOtlpExporter(parts, choice.protocol, discard)
    : createExporter(choice, parts);
  return { exporter, choice, key };
}

function keyOf({ otel, limits }: Config, env: Environment, isRedacted: boolean): unknown {
  const variables = Object.entries(env).filter(([name]) => name.startsWith('OTEL_'));
  const { attributeCountLimit, attributeValueLengthLimit } = limits;
  const bounds = { attributeCountLimit, attributeValueLengthLimit };
  return { otel, bounds, isRedacted, variables: Object.fromEntries(variables) };
}

/** Benchmarks measure encoding apart from sending. */
function isEncodeOnly(env: Environment): boolean {
  return env.SPANTAP_BENCH_ENCODE_ONLY === '1';
}
