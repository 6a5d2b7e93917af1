/** When to come back: Retry-After of HTTP and RetryInfo of gRPC. */

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
    const fields = readFields(delay);
    const seconds = fields.find((field) => field.number === 1)?.value ?? 0;
    const nanos = fields.find((field) => field.number === 2)?.value ?? 0;
    return seconds * 1_000 + nanos / 1e6;
  }
  return undefined;
}

interface Field {
  readonly number: number;
  readonly value: number;
  readonly bytes: Uint8Array | undefined;
}

function bytesFields(message: Uint8Array, number: number): Uint8Array[] {
  return readFields(message)
    .filter((field) => field.number === number)
    .flatMap((field) => (field.bytes === undefined ? [] : [field.bytes]));
}

/** Fields up to the first that is damaged or of a kind that these messages do not have. */
function readFields(message: Uint8Array): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < message.length; ) {
    const tag = readVarint(message, at);
    const value = readVarint(message, tag.end);
    const wireType = tag.value & 7;
    const number = tag.value >>> 3;
    if (wireType === 0) {
      fields.push({ number, value: value.value, bytes: undefined });
      at = value.end;
    } else if (wireType === 2 && value.end + value.value <= message.length) {
      at = value.end + value.value;
      fields.push({ number, value: 0, bytes: message.subarray(value.end, at) });
    } else break;
  }
  return fields;
}

function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  let scale = 1;
  let at = start;
  for (; at < bytes.length && bytes[at] > 0x7f; at++, scale *= 128) {
    value += (bytes[at] & 0x7f) * scale;
  }
  return { value: value + (bytes[at] ?? 0) * scale, end: at + 1 };
}
