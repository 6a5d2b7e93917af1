/** Puts the export stage together; the agent knows it by `SpanExporter` only. */
import type { Writable } from 'node:stream';
import type { Environment } from '../config/environment.ts';
import { limits } from '../config/limits.ts';
import { Counters } from '../telemetry/counters.ts';
import type { Log } from '../telemetry/log.ts';
import type { ExporterChoice, Protocol } from './choose.ts';
import type { WallClock } from './clock.ts';
import { ConsoleExporter } from './console/console-exporter.ts';
import { OtlpExporter, type SpanExporter } from './exporter.ts';
import { FanOut, NoExporter } from './fan-out.ts';
import { JsonRequest } from './otlp/json-request.ts';
import { ProtobufRequest } from './otlp/protobuf-request.ts';
import { Resources } from './otlp/resource.ts';
import { SpanObjects } from './otlp/span-object.ts';
import { PeerServices } from './peer-services.ts';
import { ExportQueue, type QueueLimits } from './queue.ts';
import type { ExportSettings } from './settings.ts';
import { SpanDescriber } from './span.ts';
import type { SpanSpool } from './span-spool.ts';
import { createTransport } from './transport/create.ts';
import { BY_ENVIRONMENT, TRACES } from './transport/signal.ts';
import type { ResourceOf, Transport } from './types.ts';
import { otlpVariable } from './variables.ts';

/** Which headers become attributes at the levels that have them. */
export interface HeaderSettings {
  /** By name, `*` for all. */
  readonly requestHeaders: readonly string[];
  readonly responseHeaders: readonly string[];
  /** Secrets were taken out by rules of the file; else the standard lists hold. */
  readonly isRedacted: boolean;
}

export const ALL_HEADERS: HeaderSettings = {
  requestHeaders: ['*'],
  responseHeaders: ['*'],
  isRedacted: false,
};

/** What a file says of requests and no variable does. */
export interface SendingSettings {
  /** Under way at once. */
  readonly requestsMax: number;
  readonly retry: Required<Pick<QueueLimits, 'isRetried' | 'backoff'>>;
  readonly isAnyCertificateTrusted: boolean;
}

export interface ExportParts {
  readonly settings: ExportSettings;
  readonly sending?: SendingSettings;
  readonly headers: HeaderSettings;
  readonly resourceOf: ResourceOf;
  readonly clock: WallClock;
  readonly counters: Counters;
  readonly log: Log;
  /** Where spans wait while the collector is away; undefined: in memory only. */
  readonly spool?: SpanSpool;
  /** Where trees are printed. */
  readonly out: Writable;
  readonly env: Environment;
}

/**
 * The exporter that was chosen. Endpoint, headers, TLS and timeout of a collector come from
 * OTEL_EXPORTER_OTLP_* in `env`.
 */
export function createExporter(choice: ExporterChoice, parts: ExportParts): SpanExporter {
  const exporters = choice.kinds.map((kind) =>
    kind === 'otlp'
      ? createOtlpExporter(parts, choice.protocol, spanTransport(choice.protocol, parts))
      : createConsoleExporter(choice.kinds.length === 1 ? parts : aside(parts)),
  );
  const [first] = exporters;
  if (first === undefined) return new NoExporter(parts.counters);
  return exporters.length === 1 ? first : new FanOut(exporters);
}

/** `transport` carries what `protocol` encodes. */
export function createOtlpExporter(
  parts: Omit<ExportParts, 'out' | 'env'>,
  protocol: Protocol,
  transport: Transport,
): OtlpExporter {
  const { settings, counters, clock, log } = parts;
  const resources = new Resources(parts.resourceOf, counters);
  const Request = protocol === 'http/json' ? JsonRequest : ProtobufRequest;
  const queueLimits = {
    spansMax: settings.queueSpansMax,
    bytesMax: limits.exportQueueBytesMax,
    requestsMax: parts.sending?.requestsMax ?? limits.exportRequestsMax,
    retryMs: settings.retryMs,
    ...parts.sending?.retry,
    spoolDelayMs: limits.spoolDelayMs,
  };
  const request = new Request(resources, settings.attributeBytesMax, counters);
  return new OtlpExporter({
    clock,
    counters,
    request,
    describer: createDescriber(parts, true),
    queue: new ExportQueue({
      transport,
      limits: queueLimits,
      counters,
      log,
      encoding: protocol === 'http/json' ? 'json' : 'protobuf',
      spool: parts.spool,
      release: (body) => request.reuse(body),
    }),
    limits: {
      batchSpansMax: settings.batchSpansMax,
      batchBytesMax: limits.exportBatchBytesMax,
      scheduleDelayMs: settings.scheduleDelayMs,
    },
  });
}

/** Beside a collector the console counts for itself: what arrives there is what counts. */
function aside(parts: ExportParts): ExportParts {
  return { ...parts, counters: new Counters() };
}

/** Colours on a terminal only, and not when NO_COLOR asks for none (no-color.org). */
function createConsoleExporter(parts: ExportParts): ConsoleExporter {
  const { settings, clock, counters, out, env, resourceOf } = parts;
  const isTerminal = 'isTTY' in out && out.isTTY === true;
  return new ConsoleExporter({
    out,
    isColoured: isTerminal && (env.NO_COLOR ?? '') === '',
    // Trees show what `summary` holds, whatever the level.
    describer: createDescriber(parts, false),
    objects: new SpanObjects(settings.attributeBytesMax, counters),
    clock,
    resourceOf,
    counters,
    limits: { tracesMax: limits.consoleTracesMax, spansMax: limits.consoleSpansMax },
  });
}

function createDescriber(
  parts: Pick<ExportParts, 'settings' | 'headers' | 'clock' | 'counters' | 'resourceOf'>,
  hasHeaders: boolean,
): SpanDescriber {
  const { attributeBytesMax, attributesMax, knownMethods } = parts.settings;
  const methods = knownMethods === undefined ? {} : { knownMethods };
  const peers = new PeerServices(parts.resourceOf);
  const { requestHeaders, responseHeaders, isRedacted } = parts.headers;
  const options = {
    hasHeaders,
    requestHeaders,
    responseHeaders,
    isRedacted,
    attributeBytesMax,
    attributesMax,
    peers,
    ...methods,
  };
  return new SpanDescriber(options, parts.clock, parts.counters);
}

/** By the variables alone, but for what none of them says. */
function spanTransport(protocol: Protocol, { env, sending }: ExportParts): Transport {
  const isTls = /^https:/i.test(otlpVariable(env, 'TRACES', 'ENDPOINT'));
  const isAnyCertificateTrusted = isTls && (sending?.isAnyCertificateTrusted ?? false);
  return createTransport(protocol, TRACES, { ...BY_ENVIRONMENT, isAnyCertificateTrusted }, env);
}
