import type { Connection, DataEvent } from '../../capture/types.ts';
import type { CapturedBody } from '../../handoff/captured-body.ts';
import type { Cause, Exchange, ExchangeEnd, MessageHead } from '../types.ts';

/** Where and when a message began, and who moved its first byte. */
export interface MessageStart {
  readonly timeNs: number;
  readonly position: number;
  readonly cause: Cause | null;
}

/** Every field is set by the constructor, so that all exchanges have one shape. */
export class HttpExchange implements Exchange<unknown> {
  readonly kind = 'exchange';
  readonly connection: Connection;
  readonly role: 'server' | 'client';
  readonly ordinal: number;
  readonly tid: number;
  readonly goroutine: number;
  readonly cause: Cause | null;

  readonly request: MessageHead;
  readonly method: string;
  readonly requestStartPosition: number;
  readonly requestHeadEndPosition: number;
  readonly requestStartNs: number;
  readonly requestHeadNs: number;
  requestEndNs = 0;
  requestBodyBytes = 0;
  requestBody: CapturedBody | null = null;

  response: MessageHead | null = null;
  status = 0;
  interimResponses = 0;
  responseStartPosition = 0;
  responseEndPosition = 0;
  responseStartNs = 0;
  endNs = 0;
  responseBodyBytes = 0;
  responseBody: CapturedBody | null = null;

  isRequestTruncated = false;
  isResponseTruncated = false;
  isRequestSizeInexact = false;
  isResponseSizeInexact = false;
  hasLoss = false;
  end: ExchangeEnd | null = null;
  link: unknown = null;

  /** Nothing more of the request is expected (its end may also be out of reach). */
  isRequestDone = false;
  isResponseDone = false;
  /** A client's: it was sent after the last response that was seen before it. */
  isInOrder = true;
  /** CONNECT, or with an Upgrade field: without its response nobody knows what follows. */
  readonly mayTunnel: boolean;
  /** A message of it cannot be framed: it ends `invalid` instead of `complete`. */
  isInvalid = false;

  constructor(
    connection: Connection,
    ordinal: number,
    method: string,
    request: MessageHead,
    start: MessageStart,
    headEndPosition: number,
    event: DataEvent,
    hasUpgrade: boolean,
  ) {
    this.mayTunnel = hasUpgrade || method === 'CONNECT';
    this.connection = connection;
    this.role = connection.role === 'client' ? 'client' : 'server';
    this.ordinal = ordinal;
    this.tid = event.tid;
    this.goroutine = event.goroutine;
    this.cause = start.cause ?? causeOf(event);
    this.request = request;
    this.method = method;
    this.requestStartPosition = start.position;
    this.requestHeadEndPosition = headEndPosition;
    this.requestStartNs = start.timeNs;
    this.requestHeadNs = event.timeNs;
  }
}

/**
 * A request of which no exchange is made (it is counted as dropped), kept in line so that its
 * response is not taken for another's. `method` is '' when it is not known.
 */
export interface Ghost {
  readonly kind: 'ghost';
  readonly method: string;
}

const GHOSTS = new Map(
  ['', 'GET', 'HEAD', 'CONNECT'].map((method) => [method, { kind: 'ghost', method } as Ghost]),
);

/** Ghosts are shared: framing a response asks only for HEAD and CONNECT. */
export function ghostOf(method: string): Ghost {
  return GHOSTS.get(method) ?? (GHOSTS.get('GET') as Ghost);
}

const CAUSE_KINDS = [null, 'nginx', 'haproxy', 'go'] as const;
/** Bits of `enum event_cause_flag` in bpf/event.h. */
const CAUSE_SUBREQUEST = 1 << 0;
const CAUSE_AMBIGUOUS = 1 << 1;
const CAUSE_NO_INGRESS = 1 << 2;
const CAUSE_EXCLUDED = 1 << 3;

/** Program state that the kernel stamped on the event, null when there is none. */
export function causeOf(event: DataEvent): Cause | null {
  const kind = CAUSE_KINDS[event.cause] ?? null;
  if (kind === null) return null;
  return {
    kind,
    connectionId: event.causeConnectionId,
    readPosition: event.causeReadPosition,
    writePosition: event.causeWritePosition,
    token: event.causeToken,
    isSubrequest: (event.causeFlags & CAUSE_SUBREQUEST) !== 0,
    isAmbiguous: (event.causeFlags & CAUSE_AMBIGUOUS) !== 0,
    isNoIngress: (event.causeFlags & CAUSE_NO_INGRESS) !== 0,
    isIngressExcluded: (event.causeFlags & CAUSE_EXCLUDED) !== 0,
  };
}
