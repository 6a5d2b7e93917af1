/**
 * What the protocol stage gives to the link stage: exchanges, as they progress.
 *
 * An exchange is one request and its response on one connection. The object is created when its
 * request head is complete and filled until `end`; later stages keep their own state in `link`.
 */
import type { Connection } from '../capture/types.ts';
import type { CapturedBody } from '../handoff/captured-body.ts';

/**
 * A message head, start line to the empty line: bytes [start, start + lenBytes) of `store`, which
 * holds other heads as well and is never written there again.
 */
export interface MessageHead {
  readonly store: Buffer;
  readonly start: number;
  readonly lenBytes: number;
  /** A view of these bytes alone, made anew at every look: not for the hot path. */
  readonly bytes: Buffer;
  /**
   * Flat [start, end, start, end, ...] of each known header's value, -1 absent; see
   * handoff/known-headers. Of a response none are noted.
   */
  readonly known: ArrayLike<number>;
  /** Bit n: the known header of slot n occurs more than once; `known` names the first. */
  readonly repeated: number;
}

/** Program state that named the ingress connection of an egress request (exact.state). */
export interface Cause {
  readonly kind: 'nginx' | 'haproxy' | 'go';
  readonly connectionId: number;
  /** Bytes read and written on that connection when the state was taken. */
  readonly readPosition: number;
  readonly writePosition: number;
  /** Address by which the program knows the request. */
  readonly token: number;
  readonly isSubrequest: boolean;
  readonly isAmbiguous: boolean;
  /** State was read and names no client connection: a request of the program's own. */
  readonly isNoIngress: boolean;
  /** It names a client connection that the settings exclude: there is no ingress to link with. */
  readonly isIngressExcluded: boolean;
}

/** How an exchange ended. `tunnel`: 101, or 2xx to CONNECT; the bytes after it are not HTTP. */
export type ExchangeEnd =
  | 'complete'
  | 'tunnel'
  | 'closed' /* the connection ended before the message did */
  | 'reset' /* ECONNRESET, EPIPE and their like */
  | 'lost' /* bytes were lost in the kernel: the end is unknown */
  | 'invalid' /* not HTTP/1 any more */
  | 'detached'; /* the agent stops, or did not read what came */

export interface Exchange<Link = unknown> {
  readonly connection: Connection;
  /** server: the process is the server of the connection (ingress); client: it is the client. */
  readonly role: 'server' | 'client';
  /** From 1, counting messages on the connection; 0 when its start was not seen or bytes were lost. */
  readonly ordinal: number;
  /** Thread and goroutine that read or wrote the (rest of the) request head. */
  readonly tid: number;
  readonly goroutine: number;
  readonly cause: Cause | null;

  readonly request: MessageHead;
  readonly method: string;
  /** Positions in the request direction of the connection. */
  readonly requestStartPosition: number;
  readonly requestHeadEndPosition: number;
  /** Times: first byte of the request, last byte of its head. */
  readonly requestStartNs: number;
  readonly requestHeadNs: number;
  /** Time of the last request byte; 0 until the request is complete. */
  requestEndNs: number;
  requestBodyBytes: number;
  /**
   * What is kept of the body, up to the body limit; null when nothing is to be. Whoever takes the
   * exchange after its end copies, holds or discards it.
   */
  requestBody: CapturedBody | null;

  response: MessageHead | null;
  /** 0 until a final response head was seen. Interim responses are counted, not kept. */
  status: number;
  interimResponses: number;
  responseStartPosition: number;
  responseEndPosition: number;
  responseStartNs: number;
  endNs: number;
  responseBodyBytes: number;
  responseBody: CapturedBody | null;

  /** Bytes that the agent decided not to keep (limits). */
  isRequestTruncated: boolean;
  isResponseTruncated: boolean;
  /** Where the body ends was not seen exactly: its size includes chunk framing, or is not known. */
  isRequestSizeInexact: boolean;
  isResponseSizeInexact: boolean;
  /** Bytes that the kernel could not deliver inside this exchange. */
  hasLoss: boolean;
  end: ExchangeEnd | null;
  /** State of the link stage. */
  link: Link | null;
}

/** Called by the protocol stage in the order in which things become known. */
export interface ExchangeSink<Link = unknown> {
  /** The request head is complete; `timeNs` of its last byte is `requestHeadNs`. */
  request(exchange: Exchange<Link>): void;
  /** The final response head is complete. */
  response(exchange: Exchange<Link>): void;
  /** `exchange.end` is set; nothing follows. */
  end(exchange: Exchange<Link>): void;
  /** Exchanges that are known to have existed and of which nothing can be told. */
  lost(connection: Connection, exchanges: number): void;
}
