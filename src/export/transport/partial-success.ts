/** What an accepting collector says besides yes: ExportTraceServiceResponse.partial_success. */
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';

export interface PartialSuccess {
  readonly rejectedSpans: number;
  readonly message: string;
}

/** An answer that cannot be read still was a yes. */
export function readPartialSuccess(body: Uint8Array, contentType: string): PartialSuccess {
  const serializer =
    contentType === 'application/json' ? JsonTraceSerializer : ProtobufTraceSerializer;
  try {
    const partial = serializer.deserializeResponse(body).partialSuccess;
    return {
      // JSON has it as a decimal string.
      rejectedSpans: Number(partial?.rejectedSpans ?? 0) || 0,
      message: partial?.errorMessage ?? '',
    };
  } catch {
    return { rejectedSpans: 0, message: '' };
  }
}
