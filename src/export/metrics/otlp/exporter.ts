/**
 * The way to a collector: endpoint, headers, TLS, compression, timeout and retries are those of the
 * official packages (OTEL_EXPORTER_OTLP_METRICS_*, OTEL_EXPORTER_OTLP_*); the requests are ours.
 */
import type { IOtlpExportDelegate } from '@opentelemetry/otlp-exporter-base';
import type { IExportMetricsServiceResponse, ISerializer } from '@opentelemetry/otlp-transformer';
import type { Environment } from '../../../config/environment.ts';
import { AgentError } from '../../../telemetry/agent-error.ts';
import type { Counters } from '../../../telemetry/counters.ts';
import { otlpVariable, withVariables } from '../../variables.ts';
import { encodeJson } from './json.ts';
import { encodeProtobuf } from './protobuf.ts';
import type { Snapshot } from './snapshot.ts';

export interface MetricExporter {
  /** Rejects with what went wrong. */
  send(snapshot: Snapshot): Promise<void>;
  close(): Promise<void>;
}

const GRPC_METHOD = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';
const COUNT = { name: 'metric_data_point', countItems: () => 0 } as const;

/** @throws AgentError for a protocol that there is not. */
export async function createMetricExporter(
  env: Environment,
  counters: Counters,
): Promise<MetricExporter> {
  const protocol = otlpVariable(env, 'METRICS', 'PROTOCOL') || 'http/protobuf';
  const delegate = await createDelegate(protocol, env, counters);
  const encode = protocol === 'http/json' ? encodeJson : encodeProtobuf;
  return {
    send: (snapshot) =>
      new Promise((resolve, reject) => {
        delegate.export(encode(snapshot), ({ code, error }) => {
          if (code === 0) resolve();
          else reject(error ?? new Error('the collector did not take the metrics'));
        });
      }),
    close: () => delegate.shutdown(),
  };
}

type Delegate = Pick<IOtlpExportDelegate<Uint8Array>, 'export' | 'shutdown'>;
type Serializer = ISerializer<Uint8Array, IExportMetricsServiceResponse>;

async function createDelegate(
  protocol: string,
  env: Environment,
  counters: Counters,
): Promise<Delegate> {
  if (!['grpc', 'http/protobuf', 'http/json'].includes(protocol)) {
    throw new AgentError('config', {
      what: `OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=${protocol} is not understood`,
      todo: 'use one of grpc, http/protobuf, http/json',
    });
  }
  const { JsonMetricsSerializer, ProtobufMetricsSerializer } = await import(
    '@opentelemetry/otlp-transformer'
  );
  const official = protocol === 'http/json' ? JsonMetricsSerializer : ProtobufMetricsSerializer;
  const serializer: Serializer = {
    serializeRequest: (body) => body,
    deserializeResponse: (bytes) => countRejected(official.deserializeResponse(bytes), counters),
  };
  return protocol === 'grpc'
    ? createGrpcDelegate(serializer, env)
    : createHttpDelegate(serializer, env, protocol === 'http/json');
}

/** 20 MB of memory that others have no use for. */
async function createGrpcDelegate(serializer: Serializer, env: Environment): Promise<Delegate> {
  const { convertLegacyOtlpGrpcOptions, createOtlpGrpcExportDelegate } = await import(
    '@opentelemetry/otlp-grpc-exporter-base'
  );
  const options = withVariables(env, () => convertLegacyOtlpGrpcOptions({}, 'METRICS'));
  const names = ['MetricsExportService', GRPC_METHOD] as const;
  return createOtlpGrpcExportDelegate(options, serializer, 'spantap', COUNT, undefined, ...names);
}

async function createHttpDelegate(
  serializer: Serializer,
  env: Environment,
  isJson: boolean,
): Promise<Delegate> {
  const { convertLegacyHttpOptions, createOtlpHttpExportDelegate } = await import(
    '@opentelemetry/otlp-exporter-base/node-http'
  );
  const headers = { 'Content-Type': isJson ? 'application/json' : 'application/x-protobuf' };
  const options = withVariables(env, () =>
    convertLegacyHttpOptions({}, 'METRICS', 'v1/metrics', headers),
  );
  return createOtlpHttpExportDelegate(options, serializer, 'spantap', COUNT, undefined);
}

/** The delegate logs what the receiver says about them. */
function countRejected(
  response: IExportMetricsServiceResponse,
  counters: Counters,
): IExportMetricsServiceResponse {
  const rejected = Number(response.partialSuccess?.rejectedDataPoints ?? 0);
  if (rejected > 0) counters.add('metrics.rejected_points', rejected);
  return response;
}
