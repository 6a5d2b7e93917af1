/** When to come back: Retry-After of HTTP and RetryInfo of gRPC. */
import { bytesFields, numberField } from './protobuf-fields.ts';

/** RFC 9110 10.2.3: seconds or a date. undefined when absent or unreadable. */
export function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  // Date.parse takes a bare number for a year; dates of HTTP begin with the name of a day.
  const date = /^[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

/**
 * retry_delay of the RetryInfo among the details of a google.rpc.Status, from the trailer
 * grpc-status-details-bin. undefined when there is none; damaged bytes count as none.
 *
 * Status { details = 3: Any { type_url = 1; value = 2 } }, RetryInfo { retry_delay = 1 },
 * Duration { seconds = 1; nanos = 2 }.
 */
export function retryInfoMs(status: Uint8Array): number | undefined {
  for (const detail of bytesFields(status, 3)) {
    const [type] = bytesFields(detail, 1);
    const [value] = bytesFields(detail, 2);
    if (type === undefined || Buffer.from(type).toString() !== RETRY_INFO) continue;
    const [delay] = bytesFields(value ?? new Uint8Array(0), 1);
    if (delay === undefined) return 0;
    return numberField(delay, 1) * 1_000 + numberField(delay, 2) / 1e6;
  }
  return undefined;
}
