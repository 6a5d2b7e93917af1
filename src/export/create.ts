/** Puts the export stage together; the agent knows it by `SpanExporter` only. */
import type { Writable } from 'node:stream';
import { limits } from '../config/limits.ts';
import type { Counters } from '../telemetry/counters.ts';
import { type Log, routeDiagnostics } from '../telemetry/log.ts';
import type { ExporterChoice, Protocol } from './choose.ts';
import type { WallClock } from './clock.ts';
import { ConsoleExporter } from './console/console-exporter.ts';
import { OtlpExporter, type SpanExporter } from './exporter.ts';
import { FanOut, NoExporter } from './fan-out.ts';
import { JsonRequest } from './otlp/json-request.ts';
import { ProtobufRequest } from './otlp/protobuf-request.ts';
import { Resources } from './otlp/resource.ts';
import { SpanObjects } from './otlp/span-object.ts';
import { ExportQueue } from './queue.ts';
import { Sampler } from './sampler.ts';
import type { ExportSettings } from './settings.ts';
import { SpanDescriber } from './span.ts';
import { GrpcTransport } from './transport/grpc.ts';
import { HttpTransport } from './transport/http.ts';
import type { ResourceOf, SpanLevel, Transport } from './types.ts';

export interface ExportParts {
  readonly level: SpanLevel;
  readonly settings: ExportSettings;
  readonly resourceOf: ResourceOf;
  readonly clock: WallClock;
  readonly counters: Counters;
  readonly log: Log;
  /** Where trees are printed. */
  readonly out: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The exporter that was chosen. Endpoint, headers, TLS and timeout of a collector come from
 * OTEL_EXPORTER_OTLP_* of this process.
 */
export function createExporter(choice: ExporterChoice, parts: ExportParts): SpanExporter {
  routeDiagnostics(parts.log);
  for (const warning of parts.settings.warnings) parts.log.warn(warning);
  const exporters = choice.kinds.map((kind) =>
    kind === 'otlp'
      ? createOtlpExporter(parts, choice.protocol, createTransport(choice.protocol))
      : createConsoleExporter(parts),
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
    requestsMax: limits.exportRequestsMax,
    retryMs: settings.retryMs,
  };
  return new OtlpExporter({
    clock,
    counters,
    request: new Request(resources, settings.attributeBytesMax, counters),
    sampler: createSampler(settings, counters),
    describer: createDescriber(parts, parts.level),
    queue: new ExportQueue(transport, queueLimits, counters, log),
    limits: {
      batchSpansMax: settings.batchSpansMax,
      batchBytesMax: limits.exportBatchBytesMax,
      scheduleDelayMs: settings.scheduleDelayMs,
    },
  });
}

/** Colours on a terminal only, and not when NO_COLOR asks for none (no-color.org). */
function createConsoleExporter(parts: ExportParts): ConsoleExporter {
  const { settings, clock, counters, out, env, resourceOf } = parts;
  const isTerminal = 'isTTY' in out && out.isTTY === true;
  return new ConsoleExporter({
    out,
    isColoured: isTerminal && (env.NO_COLOR ?? '') === '',
    sampler: createSampler(settings, counters),
    // Trees show what `summary` holds, whatever the level.
    describer: createDescriber(parts, 'summary'),
    objects: new SpanObjects(settings.attributeBytesMax, counters),
    clock,
    resourceOf,
    counters,
    limits: { tracesMax: limits.consoleTracesMax, spansMax: limits.consoleSpansMax },
  });
}

function createSampler(settings: ExportSettings, counters: Counters): Sampler {
  const { sampler: name, ratio } = settings;
  return new Sampler({ name, ratio, tracesMax: limits.samplerTracesMax }, counters);
}

function createDescriber(
  parts: Pick<ExportParts, 'settings' | 'clock' | 'counters'>,
  level: SpanLevel,
): SpanDescriber {
  const { attributeBytesMax, attributesMax, knownMethods } = parts.settings;
  const methods = knownMethods === undefined ? {} : { knownMethods };
  const options = { level, attributeBytesMax, attributesMax, ...methods };
  return new SpanDescriber(options, parts.clock, parts.counters);
}

function createTransport(protocol: Protocol): Transport {
  if (protocol === 'grpc') return new GrpcTransport();
  return new HttpTransport(
    protocol === 'http/json' ? 'application/json' : 'application/x-protobuf',
  );
}
