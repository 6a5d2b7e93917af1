/** Builders for connections and exchanges as the stages before linking make them. */
import type {
  Connection,
  DataEvent,
  Endpoint,
  ProcessIdentity,
  Role,
} from '../../src/capture/types.ts';
import { KNOWN_HEADERS } from '../../src/handoff/known-headers.ts';
import type { Cause, Exchange, MessageHead } from '../../src/protocol/types.ts';
import { dataEvent as buildDataEvent } from '../capture/events.ts';

export const MS = 1e6;

export type LooseExchange = {
  -readonly [Key in keyof Exchange]: Exchange[Key];
};

let nextConnectionId = 1;

export function process(tgid: number, comm = `p${tgid}`): ProcessIdentity {
  return { tgid, startNs: tgid * 1000, comm };
}

export interface ConnectionOptions {
  readonly process: ProcessIdentity;
  readonly role?: Role;
  readonly local?: Endpoint;
  readonly remote?: Endpoint;
  readonly startSeen?: boolean;
  readonly netnsInode?: number;
  readonly family?: Connection['family'];
  readonly socketInode?: number;
  readonly peerInode?: number;
}

export function endpoint(text: string): Endpoint {
  const colon = text.lastIndexOf(':');
  return { address: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

export function connection(options: ConnectionOptions): Connection {
  const id = nextConnectionId++;
  return {
    id,
    socketInode: options.socketInode ?? 100_000 + id,
    peerInode: options.peerInode ?? 0,
    netnsInode: options.netnsInode ?? 1,
    family: options.family ?? 'ipv4',
    local: options.local ?? endpoint('10.0.0.1:80'),
    remote: options.remote ?? endpoint(`10.1.${id >> 8}.${id & 255}:40000`),
    process: options.process,
    role: options.role ?? 'unknown',
    startSeen: options.startSeen ?? true,
    readPosition: 0,
    writePosition: 0,
    speaks: 'http1',
    protocol: null,
    link: null,
  };
}

/** Names and values; as pairs where a name comes more than once. */
export type Headers = Readonly<Record<string, string>> | readonly (readonly [string, string])[];

/** Head bytes with the positions of known headers, as the protocol stage leaves them. */
export function head(startLine: string, headers: Headers = {}): MessageHead {
  const known = new Int32Array(2 * KNOWN_HEADERS.length).fill(-1);
  let repeated = 0;
  let text = `${startLine}\r\n`;
  for (const [name, value] of isPairs(headers) ? headers : Object.entries(headers)) {
    const start = text.length + name.length + 2;
    const slot = KNOWN_HEADERS.indexOf(name.toLowerCase() as (typeof KNOWN_HEADERS)[number]);
    if (slot >= 0 && known[2 * slot] >= 0) repeated |= 1 << slot;
    else if (slot >= 0) known.set([start, start + value.length], 2 * slot);
    text += `${name}: ${value}\r\n`;
  }
  const bytes = Buffer.from(`${text}\r\n`, 'latin1');
  return { store: bytes, start: 0, lenBytes: bytes.length, bytes, known, repeated };
}

function isPairs(headers: Headers): headers is readonly (readonly [string, string])[] {
  return Array.isArray(headers);
}

export interface ExchangeOptions {
  readonly connection: Connection;
  readonly role: 'server' | 'client';
  readonly ordinal?: number;
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Headers;
  readonly startNs?: number;
  /** Position of the first request byte; the head's length is added. */
  readonly requestStart?: number;
  readonly responseStart?: number;
  readonly cause?: Cause | null;
  readonly tid?: number;
  readonly goroutine?: number;
}

/** An exchange whose request head was just completed. */
export function exchange(options: ExchangeOptions): LooseExchange {
  const method = options.method ?? 'GET';
  const request = head(`${method} ${options.target ?? '/'} HTTP/1.1`, options.headers);
  const startNs = options.startNs ?? 1 * MS;
  const requestStart = options.requestStart ?? 0;
  return {
    connection: options.connection,
    role: options.role,
    ordinal: options.ordinal ?? 1,
    tid: options.tid ?? options.connection.process.tgid,
    goroutine: options.goroutine ?? 0,
    cause: options.cause ?? null,
    request,
    method,
    requestStartPosition: requestStart,
    requestHeadEndPosition: requestStart + request.bytes.length,
    requestStartNs: startNs,
    requestHeadNs: startNs,
    requestEndNs: startNs,
    requestBodyBytes: 0,
    requestBody: null,
    response: null,
    status: 0,
    interimResponses: 0,
    responseStartPosition: options.responseStart ?? 0,
    responseEndPosition: 0,
    responseStartNs: 0,
    endNs: 0,
    responseBodyBytes: 0,
    responseBody: null,
    isRequestTruncated: false,
    isResponseTruncated: false,
    isRequestSizeInexact: false,
    isResponseSizeInexact: false,
    hasLoss: false,
    end: null,
    link: null,
  };
}

export const RESPONSE_BYTES = 100;

/** Fills in a complete response of RESPONSE_BYTES. */
export function answer(target: LooseExchange, timeNs: number, status = 200): LooseExchange {
  target.response = head(`HTTP/1.1 ${status} X`);
  target.status = status;
  target.responseStartNs = timeNs;
  target.responseEndPosition = target.responseStartPosition + RESPONSE_BYTES;
  target.responseBodyBytes = RESPONSE_BYTES - target.response.bytes.length;
  target.endNs = timeNs;
  target.end = 'complete';
  return target;
}

/** Bytes [position, position + lenBytes) of one direction, none of them copied. */
export function dataEvent(
  of: Connection,
  changes: Pick<DataEvent, 'isWrite' | 'position' | 'lenBytes'> & Partial<DataEvent>,
): DataEvent {
  const { tgid } = of.process;
  return buildDataEvent({ connectionId: of.id, timeNs: 1 * MS, tgid, tid: tgid, ...changes });
}

/** The bytes of a request head, as its reader or writer has them. */
export function requestData(of: LooseExchange): DataEvent {
  return dataEvent(of.connection, {
    isWrite: of.role === 'client',
    position: of.requestStartPosition,
    lenBytes: of.requestHeadEndPosition - of.requestStartPosition,
    timeNs: of.requestStartNs,
    tid: of.tid,
    goroutine: of.goroutine,
  });
}

/** The bytes of a response of RESPONSE_BYTES. */
export function responseData(of: LooseExchange, timeNs: number): DataEvent {
  return dataEvent(of.connection, {
    isWrite: of.role === 'server',
    position: of.responseStartPosition,
    lenBytes: RESPONSE_BYTES,
    timeNs,
    tid: of.tid,
    goroutine: of.goroutine,
  });
}
