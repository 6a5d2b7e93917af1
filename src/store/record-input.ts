/**
 * What the stage before fills in for one exchange: plain values, already redacted. Nothing in here
 * is looked up again.
 */
import type { KeptLevel } from '../config/levels.ts';
import type { ProcessSummary } from '../discover/identity/types.ts';

/** As on the wire: order, case and repetitions kept. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** A body as far as it was seen and kept. */
export interface BodyInput {
  /** What is stored: on the wire's content coding, unless `isRedacted`; chunking removed. */
  readonly bytes: Uint8Array;
  /** Of the whole body, seen or not. */
  readonly lenBytes: number;
  /** `lenBytes` has chunk framing in it that was not copied: it is at most so long. */
  readonly isLenInexact: boolean;
  /** `bytes` is only the beginning: of so many bytes the rest was not kept, or not seen. */
  readonly isTruncated: boolean;
  /** Decoded and rewritten by a redaction rule. */
  readonly isRedacted: boolean;
  /** Lower-case hex digest of `bytes`, where it is known already. */
  readonly sha256: string | undefined;
  /**
   * Of the whole body on the wire, also of what is not kept; undefined unless every byte was seen.
   * Of a body that is kept whole, unredacted, it is the digest of `bytes`.
   */
  readonly wholeSha256: string | undefined;
  /** Decoded to be shown: so much at most. limits.decodedBodyBytesMax when left out. */
  readonly decodedBytesMax?: number;
}

export interface MessageInput {
  /** Left out below level details. */
  readonly headers: HeaderList;
  /** Only at level full; undefined: there was none, or none was kept. */
  readonly body: BodyInput | undefined;
  /** Bytes of the body on the wire, without its framing. */
  readonly bodyBytes: number;
  /** undefined: no Content-Type. */
  readonly contentType: string | undefined;
}

export interface RequestInput extends MessageInput {
  readonly method: string;
  /** Absolute, with query. */
  readonly url: string;
  readonly scheme: string;
  readonly path: string;
  readonly authority: string;
  /** http1, http2, grpc. */
  readonly protocol: string;
  readonly userAgent: string | undefined;
}

export interface ResponseInput extends MessageInput {
  readonly status: number;
}

export interface RecordInput {
  readonly level: KeptLevel;
  /** 32 and 16 lower-case hex digits; parent '' when there is none. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  /** How the parent is known: exact.state, ..., none. */
  readonly linkTier: string;
  /** 0 to 1. */
  readonly linkConfidence: number;
  readonly direction: 'ingress' | 'egress-internal' | 'egress-external';
  /** Unix milliseconds: first byte of the request. */
  readonly startMs: number;
  /** First byte of the request to last byte of the response; undefined when one was not seen. */
  readonly durationMs: number | undefined;
  /** First byte of the request to first byte of the response. */
  readonly ttfbMs: number | undefined;
  /** How the exchange ended: complete, tunnel, closed, reset, lost, invalid, detached. */
  readonly end: string;
  /** Bytes were lost inside this exchange. */
  readonly hasLoss: boolean;
  readonly process: ProcessSummary;
  readonly connectionId: string;
  /** Both ends of its connection, `address:port` or the path of a Unix socket; '' not known. */
  readonly local: string;
  readonly peer: string;
  /** The host that the connection leads to. */
  readonly endpointId: string;
  /** Value of x-request-id or its like; '' none. */
  readonly requestId: string;
  readonly tags: readonly string[];
  readonly request: RequestInput;
  /** undefined: none was seen. */
  readonly response: ResponseInput | undefined;
  /** What the proxy changed, and its own time; put into the record as it is. */
  readonly changes: unknown;
  /** The same for people, a line each. */
  readonly changeLines: readonly string[];
}

/** Where a body was stored. */
export interface BodyReference {
  /** `s3://` or `file://`; in a pack with `#bytes=first-last`. */
  readonly uri: string;
  /** For people, by the access_url; undefined without one. */
  readonly url: string | undefined;
  /** Lower-case hex digest of the stored bytes. */
  readonly sha256: string;
}
