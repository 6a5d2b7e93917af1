/**
 * OTLP over gRPC: one unary call, no retry of its own. The settings (address, credentials,
 * metadata, compression, timeout) are read by the official package; its delegate is not used,
 * since it leaves the channel's reconnect backoff at two minutes, which a collector that comes
 * back would be waited for.
 */
import {
  type CallOptions,
  Client,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { convertLegacyOtlpGrpcOptions } from '@opentelemetry/otlp-grpc-exporter-base';
import { VERSION } from '../../config/version.ts';
import type { Encoding, SendResult, Transport } from '../types.ts';
import { readPartialSuccess } from './partial-success.ts';
import { retryInfoMs } from './retry-after.ts';
import { BY_ENVIRONMENT, type Receiver, type Signal, TRACES } from './signal.ts';

const CONTENT_TYPE = 'application/x-protobuf';
const RECONNECT_FIRST_MS = 500;
const RECONNECT_MAX_MS = 5_000;
/** grpc-js CompressionAlgorithms. */
const GZIP = 2;

/** OTLP specification, "OTLP/gRPC Response". RESOURCE_EXHAUSTED only with RetryInfo. */
const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;
const RESOURCE_EXHAUSTED = 8;
const ABORTED = 10;
const OUT_OF_RANGE = 11;
const UNAVAILABLE = 14;
const DATA_LOSS = 15;
const RETRYABLE: ReadonlySet<number> = new Set([
  CANCELLED,
  DEADLINE_EXCEEDED,
  ABORTED,
  OUT_OF_RANGE,
  UNAVAILABLE,
  DATA_LOSS,
]);

type Settings = ReturnType<typeof convertLegacyOtlpGrpcOptions>;

const identity = (bytes: Buffer): Buffer => bytes;

export class GrpcTransport implements Transport {
  readonly target: string;
  readonly #settings: Settings;
  readonly #client: Client;
  readonly #path: string;
  /** Instead of those of the settings. */
  readonly #metadata: Metadata | undefined;

  /** Reads OTEL_EXPORTER_OTLP_* of this process where `receiver` says nothing. */
  constructor(signal: Signal = TRACES, receiver: Receiver = BY_ENVIRONMENT) {
    this.#settings = convertLegacyOtlpGrpcOptions(optionsOf(receiver), signal.name);
    this.#path = signal.grpcPath;
    this.#metadata = receiver.headers && metadataOf(receiver.headers);
    this.target = `grpc://${this.#settings.url}`;
    this.#client = new Client(this.#settings.url, this.#settings.credentials(), {
      'grpc.primary_user_agent': `spantap/${VERSION}`,
      'grpc.initial_reconnect_backoff_ms': RECONNECT_FIRST_MS,
      'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_MS,
      ...(this.#settings.compression === 'gzip'
        ? { 'grpc.default_compression_algorithm': GZIP }
        : {}),
    });
  }

  async send(body: Uint8Array, signal: AbortSignal, encoding?: Encoding): Promise<SendResult> {
    // Of a spool that was filled when the protocol was another.
    if (encoding === 'json') return { kind: 'refused', reason: 'gRPC does not carry JSON' };
    return this.#call(body, signal);
  }

  #call(body: Uint8Array, signal: AbortSignal): Promise<SendResult> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve({ kind: 'retry', reason: 'closing', afterMs: undefined });
      const call = this.#export(body, (error, response) => {
        signal.removeEventListener('abort', cancel);
        resolve(error === null ? accepted(response) : judge(error));
      });
      const cancel = () => call.cancel();
      signal.addEventListener('abort', cancel, { once: true });
    });
  }

  close(): void {
    this.#client.close();
  }

  #export(
    body: Uint8Array,
    done: (error: ServiceError | null, response?: Buffer) => void,
  ): ClientUnaryCall {
    const { metadata, timeoutMillis } = this.#settings;
    const options: CallOptions = { deadline: Date.now() + timeoutMillis };
    const message = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const headers = this.#metadata?.clone() ?? metadata();
    const call = [this.#path, identity, identity, message, headers, options, done] as const;
    return this.#client.makeUnaryRequest(...call);
  }
}

/** A Unix socket is plain unless certificates are named; http:// is, whatever is named. */
function optionsOf(receiver: Receiver) {
  const { url, ca, isAnyCertificateTrusted } = receiver;
  const isOwn = ca !== undefined || isAnyCertificateTrusted;
  const options = url === undefined ? {} : { url };
  if (isOwn && !/^http:\/\//i.test(url ?? '')) {
    const rejectUnauthorized = !isAnyCertificateTrusted;
    return {
      ...options,
      credentials: credentials.createSsl(ca ?? null, null, null, { rejectUnauthorized }),
    };
  }
  const isUnix = /^unix:/i.test(url ?? '');
  return isUnix ? { ...options, credentials: credentials.createInsecure() } : options;
}

function metadataOf(headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

function accepted(response: Buffer | undefined): SendResult {
  const bytes = response ?? Buffer.alloc(0);
  return { kind: 'accepted', ...readPartialSuccess(bytes, CONTENT_TYPE) };
}

function judge(error: ServiceError): SendResult {
  const { code, message: reason } = error;
  const [details] = error.metadata?.get('grpc-status-details-bin') ?? [];
  const afterMs = details instanceof Buffer ? retryInfoMs(details) : undefined;
  const isRetryable = RETRYABLE.has(code) || (code === RESOURCE_EXHAUSTED && afterMs !== undefined);
  return isRetryable ? { kind: 'retry', reason, afterMs } : { kind: 'refused', reason };
}
