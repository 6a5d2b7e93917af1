/**
 * The contract between the capture worker and the main thread: finished exchanges in columns of
 * typed arrays, so that a batch crosses by transfer and nobody builds an object per exchange.
 *
 * Row i of a table with S columns starts at i * S. Bytes (heads, addresses, bodies) lie in one
 * buffer and are named by offset and length. A hop's rows stand together, ingress first.
 */

/** Columns of the Float64Array. Times are CLOCK_MONOTONIC nanoseconds; 0 means not seen. */
export const F64 = {
  requestStartNs: 0,
  requestHeadNs: 1,
  requestEndNs: 2,
  responseStartNs: 3,
  endNs: 4,
  requestBodyBytes: 5,
  responseBodyBytes: 6,
  /** Ingress only: nanoseconds of the exchange not covered by its egress exchanges; -1 unknown. */
  ownNs: 7,
  /** Identity of the connection (kernel id); joins rows of one connection. */
  connectionId: 8,
} as const;
export const F64_COLUMNS = 9;

/** Columns of the Uint32Array. Pairs `xOffset, xBytes` name a slice of `bytes`. */
export const U32 = {
  flags: 0,
  /** Index into the processes announced by the worker. */
  process: 1,
  status: 2,
  /** From 1; 0 unknown. */
  ordinal: 3,
  tier: 4,
  /** Parts per million. */
  confidence: 5,
  resendCount: 6,
  /** Rows with the same number (not 0) belong to one hop. */
  hop: 7,
  end: 8,
  /** W3C flags of the span's context, low 8 bits. */
  traceFlags: 9,
  traceId: 10 /* 4 words, big endian */,
  spanId: 14 /* 2 words */,
  parentSpanId: 16 /* 2 words, 0 none */,
  linkTraceId: 18 /* 4 words, 0 none */,
  linkSpanId: 22 /* 2 words */,
  /** One of FAMILY. */
  family: 24,
  localPort: 25,
  remotePort: 26,
  localAddressOffset: 27,
  localAddressBytes: 28 /* text */,
  remoteAddressOffset: 29,
  remoteAddressBytes: 30 /* text */,
  requestHeadOffset: 31,
  requestHeadBytes: 32,
  responseHeadOffset: 33,
  responseHeadBytes: 34,
  requestBodyOffset: 35,
  requestBodyKeptBytes: 36,
  responseBodyOffset: 37,
  responseBodyKeptBytes: 38,
  interimResponses: 39,
  /** Request headers by known-headers slot: (start, end) in the request head; 0,0 absent. */
  known: 40 /* 10 known headers, two words each */,
  /** Egress: 1 + index of the process at the other end, when that is on this host; 0 unknown. */
  peerProcess: 60,
  /**
   * Number of a body that stays where it was captured until somebody asks for it (held-bodies.ts);
   * 0: there is none, or it is a slice of `bytes`. `KeptBytes` is its length either way.
   */
  requestBodyHeld: 61,
  responseBodyHeld: 62,
  /** SHA-256 of the whole body, 32 bytes of `bytes`; 0: not known, or that of the slice. */
  requestBodyDigestOffset: 63,
  responseBodyDigestOffset: 64,
} as const;
export const U32_COLUMNS = 65;

/** Of a digest in `bytes` (SHA-256). */
export const DIGEST_BYTES = 32;

/** U32.family. */
export const FAMILY = { unix: 1, ipv4: 4, ipv6: 6 } as const;

/** Bits of U32.flags. */
export const FLAG = {
  client: 1 << 0,
  requestTruncated: 1 << 1,
  responseTruncated: 1 << 2,
  loss: 1 << 3,
  /** The parent is the caller's span from a traceparent header. */
  parentIsRemote: 1 << 4,
  /** The parent is the CLIENT span at the other end of the connection on this host. */
  localHop: 1 << 5,
  /** A caller's context was found and says: not sampled. */
  notSampled: 1 << 6,
  /** Egress of a program that serves: it should have a parent and has none. */
  unlinked: 1 << 7,
  subrequest: 1 << 8,
  /** The bytes come from inside a TLS connection. Nothing sets it until those are captured. */
  tls: 1 << 9,
  /** Egress that no client request caused (health check). */
  ownRequest: 1 << 10,
  /** The size of the body is not exact: it includes chunk framing, or is not known. */
  requestSizeInexact: 1 << 11,
  responseSizeInexact: 1 << 12,
} as const;

/** U32.tier. */
export const TIERS = [
  'none',
  'exact.state',
  'exact.order',
  'identifier',
  'statistical',
  'local',
  'traceparent',
] as const;
export type Tier = (typeof TIERS)[number];

/** U32.end, in the order of protocol's ExchangeEnd. */
export const ENDS = [
  'complete',
  'tunnel',
  'closed',
  'reset',
  'lost',
  'invalid',
  'detached',
] as const;

/** What crosses. The receiver owns the buffers and may send them back for reuse. */
export interface ExchangeBatch {
  readonly count: number;
  readonly f64: Float64Array<ArrayBuffer>;
  readonly u32: Uint32Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Announced before the first batch that names its index; everything else is read from /proc. */
export interface ObservedProcess {
  readonly index: number;
  readonly tgid: number;
  readonly startNs: number;
  readonly comm: string;
}
