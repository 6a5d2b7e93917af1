/**
 * The stored description of an exchange: Qtap's keys in Qtap's order, empty ones left out as it
 * does, and then what Qtap does not know. `body` is base64 and there only where bodies are not
 * stored as objects of their own (standard output).
 */
import { createHash } from 'node:crypto';
import type {
  BodyInput,
  BodyReference,
  HeaderList,
  MessageInput,
  RecordInput,
} from './record-input.ts';

export interface RecordReferences {
  readonly request: BodyReference | undefined;
  readonly response: BodyReference | undefined;
}

const NO_REFERENCES: RecordReferences = { request: undefined, response: undefined };

export type BodyPlacement = 'inline' | 'referenced';

type Json = Record<string, unknown>;

/** `madeMs`: Unix milliseconds of `transaction_time`. */
export function buildRecord(
  input: RecordInput,
  madeMs: number,
  placement: BodyPlacement,
  references: RecordReferences = NO_REFERENCES,
): Json {
  const { request, response } = input;
  return {
    metadata: metadataOf(input),
    request: {
      method: request.method,
      url: request.url,
      ...filled({
        scheme: request.scheme,
        path: request.path,
        authority: request.authority,
        protocol: request.protocol,
        request_id: input.requestId,
        user_agent: request.userAgent,
        content_type: request.contentType,
      }),
      ...messageOf(input, request, placement, references.request),
    },
    response: {
      status: response?.status ?? 0,
      ...filled({ content_type: response?.contentType }),
      ...(response === undefined ? {} : messageOf(input, response, placement, references.response)),
    },
    transaction_time: new Date(madeMs).toISOString(),
    ...filled({ duration_ms: rounded(input.durationMs), direction: input.direction }),
    ...ownKeys(input),
  };
}

export function metadataOf(input: RecordInput): Json {
  const { process, request, response } = input;
  return filled({
    process_id: String(process.pid),
    process_exe: process.exe,
    container_name: process.container?.name,
    container_image: process.container?.image,
    pod_name: process.pod?.name,
    pod_namespace: process.pod?.namespace,
    // Of the request and of the response, whichever side is observed.
    bytes_sent: request.bodyBytes,
    bytes_received: response?.bodyBytes,
    request_id: input.requestId,
    connection_id: input.connectionId,
    endpoint_id: input.endpointId,
    tags: input.tags,
  });
}

function ownKeys(input: RecordInput): Json {
  return {
    start_time: new Date(input.startMs).toISOString(),
    ...filled({ ttfb_ms: rounded(input.ttfbMs), peer: input.peer, local: input.local }),
    level: input.level,
    trace_id: input.traceId,
    span_id: input.spanId,
    ...filled({ parent_span_id: input.parentSpanId }),
    link: { tier: input.linkTier, confidence: input.linkConfidence },
    end: input.end,
    ...(input.hasLoss ? { lost: true } : {}),
    ...(input.changes === undefined ? {} : { changes: input.changes }),
  };
}

function messageOf(
  { level }: RecordInput,
  message: MessageInput,
  placement: BodyPlacement,
  reference: BodyReference | undefined,
): Json {
  const { headers, body } = message;
  if (level === 'summary') return {};
  const isInline = placement === 'inline' && body !== undefined && body.bytes.length > 0;
  return {
    headers: headerMap(headers),
    ...(hasRepeated(headers) ? { header_list: headers } : {}),
    ...(isInline ? { body: base64(body.bytes) } : {}),
    ...(body === undefined ? {} : { body_info: bodyInfo(body, placement, reference) }),
  };
}

/** What is known of a body besides its bytes. */
function bodyInfo(
  body: BodyInput,
  placement: BodyPlacement,
  reference: BodyReference | undefined,
): Json {
  const hasBytes = body.bytes.length > 0;
  const isMissing = placement === 'referenced' && hasBytes && reference === undefined;
  const isHere = placement === 'inline' && hasBytes;
  const sha256 = reference?.sha256 ?? (isHere ? sha256Of(body) : undefined);
  return {
    length: body.lenBytes,
    ...(body.isLenInexact ? { length_inexact: true } : {}),
    stored: body.bytes.length,
    ...(body.isTruncated ? { truncated: true } : {}),
    ...(body.isRedacted ? { redacted: true } : {}),
    ...(isMissing ? { dropped: true } : {}),
    ...filled({
      sha256,
      whole_sha256: body.wholeSha256 ?? (isWhole(body) ? sha256 : undefined),
      ref: reference?.uri,
      url: reference?.url,
    }),
  };
}

/** Lower-case hex digest of the stored bytes. */
export function sha256Of({ sha256, bytes }: BodyInput): string {
  return sha256 ?? createHash('sha256').update(bytes).digest('hex');
}

function isWhole({ bytes, lenBytes, isTruncated, isRedacted }: BodyInput): boolean {
  return !isTruncated && !isRedacted && bytes.length === lenBytes;
}

/** Names as on the wire. Repeated ones joined (RFC 9110 5.3); `header_list` has them exactly. */
export function headerMap(headers: HeaderList): Json {
  const names = new Map<string, string>();
  const map = new Map<string, string>();
  for (const [name, value] of headers) {
    const key = names.get(name.toLowerCase()) ?? name;
    names.set(name.toLowerCase(), key);
    const before = map.get(key);
    map.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(map);
}

function hasRepeated(headers: HeaderList): boolean {
  return new Set(headers.map(([name]) => name.toLowerCase())).size < headers.length;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Microseconds are as exact as the kernel's stamps are worth. */
export function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1000) / 1000;
}

/** Without what is empty: '', 0, [] and undefined, as Qtap leaves them out. */
export function filled(fields: Json): Json {
  const isFilled = (value: unknown) =>
    value !== undefined && value !== '' && value !== 0 && !(Array.isArray(value) && !value.length);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isFilled(value)));
}
