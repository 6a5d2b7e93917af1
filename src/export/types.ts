/**
 * What export needs from the other stages, and what its own parts say to each other.
 *
 * One span is described once (span.ts) to a `SpanSink`; a sink either writes OTLP bytes or builds
 * an object. So protobuf, JSON and the console cannot disagree about what a span says.
 */
import type { Block, Key, NameAndKind, Prefix } from './attributes.ts';
import type { ByteSource } from './bytes.ts';

export type AttributeValue = string | number | boolean | readonly string[];

/** One observed process as discovery names it. A changed process is a new object. */
export interface ResourceInfo {
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** Index as in `U32.process`. */
export type ResourceOf = (processIndex: number) => ResourceInfo;

/** STATUS_CODE_* of the OTLP schema. `ok` is for people, not for instrumentations. */
export const STATUS = { unset: 0, error: 2 } as const;
export type StatusCode = (typeof STATUS)[keyof typeof STATUS];

/** The part of a span that is no attribute. One object, filled anew for each span. */
export interface SpanStart {
  name: NameAndKind;
  /** Columns of the row; ids are read from `u32[row + U32.traceId]` and so on, big endian. */
  u32: Uint32Array;
  row: number;
  /** OTLP span flags: W3C flags, 0x100 remote is known, 0x200 parent is remote. */
  flags: number;
  /** Unix nanoseconds as two 32-bit halves. */
  startHigh: number;
  startLow: number;
  endHigh: number;
  endLow: number;
  /** Already checked; empty for none. */
  traceState: string;
}

/** Values of one repeated header, parallel arrays of which the first `count` entries hold. */
export interface TextList {
  count: number;
  readonly sources: ByteSource[];
  readonly starts: number[];
  readonly ends: number[];
}

/** Receives one span at a time: begin, attributes, link, end. */
export interface SpanSink {
  begin(start: SpanStart): void;
  /** Attributes that are the same on many spans. */
  block(block: Block): void;
  /** Bytes [start, end): ASCII, UTF-8, or else taken as Latin-1. Cut at the attribute limit. */
  text(key: Key, source: ByteSource, start: number, end: number): void;
  integer(key: Key, value: number): void;
  double(key: Key, value: number): void;
  /** `prefix` + the lower-cased name; the values are valid UTF-8 and within the limit. */
  list(prefix: Prefix, source: ByteSource, start: number, end: number, list: TextList): void;
  /** Four words of trace id and two of span id from `u32[at]`. */
  link(u32: Uint32Array, at: number, flags: number): void;
  end(status: StatusCode, droppedAttributes: number): void;
}

/** What became of one request to the collector; `rejected`: spans or log records of it. */
export type SendResult =
  | { readonly kind: 'accepted'; readonly rejected: number; readonly message: string }
  /** May be sent again, after `afterMs` when the collector said so. */
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs: number | undefined }
  | { readonly kind: 'refused'; readonly reason: string };

/** Of an ExportTraceServiceRequest. gRPC and HTTP/protobuf carry the same bytes. */
export type Encoding = 'protobuf' | 'json';

/**
 * Carries encoded requests to a collector. Never retries by itself, never rejects, and answers at
 * once when `signal` aborts. After its answer it does not read the body any more.
 */
export interface Transport {
  /** For logs: where the spans go. */
  readonly target: string;
  /** `encoding`: of this body, where it may be another than the transport was made for. */
  send(body: Uint8Array, signal: AbortSignal, encoding?: Encoding): Promise<SendResult>;
  close(): void;
}
