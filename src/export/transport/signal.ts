/** What a transport carries, and what is said about its receiver beside the environment. */

export interface Signal {
  /** As in OTEL_EXPORTER_OTLP_<name>_ENDPOINT. */
  readonly name: 'TRACES' | 'LOGS';
  /** Path of OTLP/HTTP below a general endpoint. */
  readonly httpPath: string;
  /** Method of OTLP/gRPC. */
  readonly grpcPath: string;
}

/** Where collectors listen when nobody says otherwise (opentelemetry.io, protocol/exporter). */
export const GRPC_PORT = 4317;
export const HTTP_PORT = 4318;

export const TRACES: Signal = {
  name: 'TRACES',
  httpPath: 'v1/traces',
  grpcPath: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
};

export const LOGS: Signal = {
  name: 'LOGS',
  httpPath: 'v1/logs',
  grpcPath: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
};

/** What is undefined is as OTEL_EXPORTER_OTLP_* of this process say. */
export interface Receiver {
  /** With a scheme; for HTTP the whole URL. */
  readonly url: string | undefined;
  /** Instead of those of the environment, which may be somebody else's credentials. */
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** Certificates (PEM) of the authorities to trust. */
  readonly ca: Buffer | undefined;
  readonly isAnyCertificateTrusted: boolean;
}

export const BY_ENVIRONMENT: Receiver = {
  url: undefined,
  headers: undefined,
  ca: undefined,
  isAnyCertificateTrusted: false,
};
