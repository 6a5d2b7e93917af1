/**
 * What an accepting collector says besides yes: ExportTraceServiceResponse { partial_success = 1 },
 * ExportTracePartialSuccess { rejected_spans = 1; error_message = 2 }. Logs have the same numbers,
 * and `rejected_log_records`.
 */
import { bytesFields, numberField } from './protobuf-fields.ts';

export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

const NONE: PartialSuccess = { rejected: 0, message: '' };

/** An answer that cannot be read still was a yes. */
export function readPartialSuccess(body: Uint8Array, contentType: string): PartialSuccess {
  return contentType === 'application/json' ? readJson(body) : readProtobuf(body);
}

function readProtobuf(body: Uint8Array): PartialSuccess {
  const [partial] = bytesFields(body, 1);
  if (partial === undefined) return NONE;
  const [message] = bytesFields(partial, 2);
  return {
    rejected: numberField(partial, 1),
    message: message === undefined ? '' : Buffer.from(message).toString(),
  };
}

function readJson(body: Uint8Array): PartialSuccess {
  try {
    const answer: unknown = JSON.parse(Buffer.from(body).toString() || '{}');
    const { partialSuccess } = answer as {
      // 64-bit integers are strings in OTLP/JSON; not every collector knows.
      partialSuccess?: {
        rejectedSpans?: string | number;
        rejectedLogRecords?: string | number;
        errorMessage?: string;
      } | null;
    };
    const rejected = Number(
      partialSuccess?.rejectedSpans ?? partialSuccess?.rejectedLogRecords ?? 0,
    );
    return {
      rejected: Number.isFinite(rejected) ? Math.max(0, rejected) : 0,
      message: String(partialSuccess?.errorMessage ?? ''),
    };
  } catch {
    return NONE;
  }
}
