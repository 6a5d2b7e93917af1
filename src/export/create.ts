/** Puts the export stage together; the agent knows it by `SpanExporter` only. */
import { limits } from '../config/limits.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Protocol } from './choose.ts';
import type { WallClock } from './clock.ts';
import { OtlpExporter } from './exporter.ts';
import { JsonRequest } from './otlp/json-request.ts';
import { ProtobufRequest } from './otlp/protobuf-request.ts';
import { Resources } from './otlp/resource.ts';
import { ExportQueue, type QueueLog } from './queue.ts';
import { Sampler } from './sampler.ts';
import type { ExportSettings } from './settings.ts';
import { SpanDescriber } from './span.ts';
import { GrpcTransport } from './transport/grpc.ts';
import { HttpTransport } from './transport/http.ts';
import type { ResourceOf, SpanLevel, Transport } from './types.ts';

export interface OtlpParts {
  readonly protocol: Protocol;
  readonly level: SpanLevel;
  readonly settings: ExportSettings;
  readonly resourceOf: ResourceOf;
  readonly clock: WallClock;
  readonly counters: Counters;
  readonly log: QueueLog;
  /** Instead of what `protocol` names; for tests and benchmarks. */
  readonly transport?: Transport;
}

/** Endpoint, headers, TLS and timeout come from OTEL_EXPORTER_OTLP_* of this process. */
export function createOtlpExporter(parts: OtlpParts): OtlpExporter {
  const { settings, counters, clock, log, protocol } = parts;
  const resources = new Resources(parts.resourceOf);
  const Request = protocol === 'http/json' ? JsonRequest : ProtobufRequest;
  const request = new Request(resources, settings.attributeBytesMax, counters);
  const transport = parts.transport ?? createTransport(protocol, request.contentType);
  const queueLimits = {
    spansMax: settings.queueSpansMax,
    bytesMax: limits.exportQueueBytesMax,
    requestsMax: limits.exportRequestsMax,
    retryMs: settings.retryMs,
  };
  return new OtlpExporter({
    clock,
    counters,
    request,
    sampler: createSampler(settings, counters),
    describer: createDescriber(settings, parts.level, clock, counters),
    queue: new ExportQueue(transport, queueLimits, counters, log),
    limits: {
      batchSpansMax: settings.batchSpansMax,
      batchBytesMax: limits.exportBatchBytesMax,
      scheduleDelayMs: settings.scheduleDelayMs,
    },
  });
}

export function createSampler(settings: ExportSettings, counters: Counters): Sampler {
  const { sampler: name, ratio } = settings;
  return new Sampler({ name, ratio, tracesMax: limits.samplerTracesMax }, counters);
}

export function createDescriber(
  settings: ExportSettings,
  level: SpanLevel,
  clock: WallClock,
  counters: Counters,
): SpanDescriber {
  const { attributeBytesMax, attributesMax, knownMethods } = settings;
  const methods = knownMethods === undefined ? {} : { knownMethods };
  return new SpanDescriber(
    { level, attributeBytesMax, attributesMax, ...methods },
    clock,
    counters,
  );
}

function createTransport(protocol: Protocol, contentType: string): Transport {
  return protocol === 'grpc' ? new GrpcTransport() : new HttpTransport(contentType);
}
