/**
 * OTLP over gRPC through the official export delegate, which never retries: what it is given is
 * encoded already, and what the collector answers is read from the response and the trailers.
 */
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import {
  convertLegacyOtlpGrpcOptions,
  createOtlpGrpcExportDelegate,
} from '@opentelemetry/otlp-grpc-exporter-base';
import { VERSION } from '../../config/version.ts';
import type { SendResult, Transport } from '../types.ts';
import { type PartialSuccess, readPartialSuccess } from './partial-success.ts';
import { retryInfoMs } from './retry-after.ts';

const PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

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

interface Encoded {
  readonly body: Uint8Array;
  readonly spans: number;
}

type Delegate = ReturnType<typeof createOtlpGrpcExportDelegate<Encoded, object>>;

export class GrpcTransport implements Transport {
  readonly target: string;
  readonly #delegate: Delegate;
  /** The delegate reads a response right before it reports the result of the same request. */
  #answer: PartialSuccess = { rejectedSpans: 0, message: '' };

  /** Reads OTEL_EXPORTER_OTLP_* of this process. */
  constructor() {
    const settings = convertLegacyOtlpGrpcOptions({ userAgent: `spantap/${VERSION}` }, 'TRACES');
    this.target = `grpc://${settings.url}`;
    this.#delegate = createOtlpGrpcExportDelegate<Encoded, object>(
      settings,
      {
        serializeRequest: (encoded) => encoded.body,
        deserializeResponse: (bytes) => {
          this.#answer = readPartialSuccess(bytes, 'application/x-protobuf');
          return {};
        },
      },
      'otlp_grpc_span_exporter',
      { name: 'span', countItems: (encoded) => encoded.spans },
      undefined,
      'TraceExportService',
      PATH,
    );
  }

  send(body: Uint8Array, spans: number, signal: AbortSignal): Promise<SendResult> {
    return new Promise((resolve) => {
      const abort = () => resolve({ kind: 'retry', reason: 'closing', afterMs: undefined });
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort, { once: true });
      this.#answer = { rejectedSpans: 0, message: '' };
      this.#delegate.export({ body, spans }, (result) => {
        const answer = this.#answer;
        this.#answer = { rejectedSpans: 0, message: '' };
        signal.removeEventListener('abort', abort);
        resolve(judge(result, answer));
      });
    });
  }

  close(): void {
    // Waits for calls under way; their results nobody reads any more.
    this.#delegate.shutdown().catch(() => undefined);
  }
}

function judge(result: ExportResult, answer: PartialSuccess): SendResult {
  if (result.code === ExportResultCode.SUCCESS) return { kind: 'accepted', ...answer };
  const error: unknown = result.error;
  const reason = result.error?.message ?? 'gRPC call failed';
  const { code, afterMs } = readServiceError(error);
  if (code === RESOURCE_EXHAUSTED && afterMs === undefined) return { kind: 'refused', reason };
  if (code === RESOURCE_EXHAUSTED || RETRYABLE.has(code)) return { kind: 'retry', reason, afterMs };
  return { kind: 'refused', reason };
}

/** The parts of a grpc-js ServiceError that matter here. */
function readServiceError(error: unknown): { code: number; afterMs: number | undefined } {
  const none = { code: -1, afterMs: undefined };
  if (typeof error !== 'object' || error === null || !('code' in error)) return none;
  if (typeof error.code !== 'number') return none;
  return {
    code: error.code,
    afterMs: 'metadata' in error ? readRetryInfo(error.metadata) : undefined,
  };
}

function readRetryInfo(metadata: unknown): number | undefined {
  if (typeof metadata !== 'object' || metadata === null || !('get' in metadata)) return undefined;
  if (typeof metadata.get !== 'function') return undefined;
  const [details]: unknown[] = metadata.get('grpc-status-details-bin');
  return details instanceof Uint8Array ? retryInfoMs(details) : undefined;
}
