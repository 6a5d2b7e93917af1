/** Response heads and the request that each belongs to. */
import type { DataEvent } from '../../capture/types.ts';
import { limits } from '../../config/limits.ts';
import type { MessageHead } from '../types.ts';
import { startBody } from './body.ts';
import type { Http1Connection, Pending } from './connection.ts';
import {
  endAll,
  endExchange,
  endLoose,
  finishMessage,
  losePending,
  refuseResponse,
} from './endings.ts';
import type { HttpExchange } from './exchange.ts';
import { INVALID, responseFraming } from './framing.ts';
import { orphanResponse } from './orphans.ts';
import {
  cutResponseStatus,
  isResponseHttp10,
  plausibleResponse,
  responseStatus,
} from './start-line.ts';
import { isTurnStart } from './turns.ts';

/**
 * The response head [start, end) of `source` is whole and was scanned; it ends before
 * `endPosition`. A request waits for it.
 */
export function readResponse(
  c: Http1Connection,
  source: Uint8Array,
  start: number,
  end: number,
  endPosition: number,
  event: DataEvent,
): void {
  const { scan } = c.context;
  const status = responseStatus(source, start, scan.startLineEnd);
  const entry = c.pending[0];
  if (status === 0) {
    refuseResponse(c, event.timeNs);
    return;
  }
  const exchange = entry.kind === 'exchange' ? entry : null;
  if (status < 200 && status !== 101) {
    readInterim(c, exchange);
    return;
  }
  if (exchange !== null) {
    const head = c.context.heads.keep(source, start, end, scan.known, scan.repeated);
    beginResponse(c, exchange, head, status);
  }
  if (status === 101 || (entry.method === 'CONNECT' && status < 300)) {
    startTunnel(c, exchange, endPosition, event);
    return;
  }
  frameResponse(
    c,
    entry.method,
    exchange,
    status,
    isResponseHttp10(source, start),
    endPosition,
    event,
  );
}

/** RFC 9110 15.2: the final response still follows. */
function readInterim(c: Http1Connection, exchange: HttpExchange | null): void {
  c.context.counters.add('protocol.interim_responses');
  c.sawInterim = true;
  c.responses.state = 'start';
  if (exchange !== null) exchange.interimResponses++;
}

function beginResponse(
  c: Http1Connection,
  exchange: HttpExchange,
  head: MessageHead,
  status: number,
): void {
  exchange.response = head;
  exchange.status = status;
  exchange.responseStartPosition = c.responses.position;
  exchange.responseStartNs = c.responses.timeNs;
  c.context.sink.response(exchange);
}

function frameResponse(
  c: Http1Connection,
  method: string,
  exchange: HttpExchange | null,
  status: number,
  isHttp10: boolean,
  endPosition: number,
  event: DataEvent,
): void {
  const stream = c.responses;
  if (method === '') {
    // The request was unreadable: whether a body follows cannot be known.
    c.pending.shift();
    stream.seek(false, 0);
    stream.isCut = true;
    return;
  }
  stream.exchange = exchange;
  const framing = responseFraming(c.context.scan, method, status, isHttp10);
  if (framing === INVALID) refuseResponse(c, event.timeNs);
  else if (framing === 0) finishMessage(c, stream, event.timeNs, endPosition);
  else startBody(c, stream, framing);
}

/**
 * 101 (Switching Protocols), or 2xx to CONNECT: the connection carries another protocol from here
 * on (RFC 9110 7.8, 9.3.6).
 */
function startTunnel(
  c: Http1Connection,
  exchange: HttpExchange | null,
  endPosition: number,
  event: DataEvent,
): void {
  c.pending.shift();
  c.mode = 'tunnel';
  c.held = null;
  if (exchange !== null) {
    exchange.endNs = event.timeNs;
    exchange.responseEndPosition = endPosition;
    exchange.isResponseDone = true;
    endExchange(c, exchange, 'tunnel');
  }
  endAll(c, 'closed', event.timeNs);
  c.context.counters.add('protocol.tunnels');
  c.context.ignore(c.connection);
}

/** A response head that is cut: the status is told, the end of the response cannot be seen. */
export function cutResponse(
  c: Http1Connection,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const stream = c.responses;
  const [entry] = c.pending;
  const status = cutResponseStatus(source, start, end);
  stream.seek(false, 0);
  stream.isCut = true;
  if (status >= 100 && status < 200) return;
  c.pending.shift();
  if (entry.kind !== 'exchange') return;
  entry.isResponseTruncated = true;
  entry.isResponseSizeInexact = true;
  stream.exchange = entry;
  if (status === 0) return;
  const { scan } = c.context;
  const head = c.context.heads.keep(source, start, end, scan.known, scan.repeated);
  beginResponse(c, entry, head, status);
}

/**
 * Whether this event of a stream that seeks begins the response of the newest request. It does
 * when it is what the turn right after that request's bytes begins with; nothing can lie between.
 * (Which requests may wait in this state is decided in requests.ts, see `mayPair`.)
 */
export function seekResponse(c: Http1Connection, event: DataEvent): boolean {
  const end = event.payloadStart + event.copiedBytes;
  const isFound =
    isTurnStart(c.connection.startSeen, event) &&
    plausibleResponse(event.bytes, event.payloadStart, end) !== 'no';
  const newest = c.pending.at(-1);
  const isNext = newest !== undefined && c.newestTurn === event.turn - 1;
  if (!isFound || !isNext || !isAnswerOf(c, newest, event)) {
    orphanResponse(c, event);
    return false;
  }
  losePending(c, 1);
  endLoose(c);
  c.responses.state = 'start';
  c.context.counters.add('protocol.resyncs');
  return true;
}

/**
 * Whether the response that begins with `event`, right after the bytes of `request`, is its. When
 * one thread does all, it is. Else a client's may be that of a later request, recorded before it,
 * and a server's a late record of the response before, unless the thread or goroutine that read
 * the request writes it, or it comes too late for that.
 */
function isAnswerOf(c: Http1Connection, request: Pending, event: DataEvent): boolean {
  if (c.isPipelined || c.requests.state === 'head') return false;
  if (!c.isMixed) return true;
  if (request.kind === 'ghost') return false;
  if (c.connection.role === 'client') return request.isInOrder;
  const isSame =
    event.goroutine === 0 ? event.tid === request.tid : event.goroutine === request.goroutine;
  return isSame || event.timeNs > request.requestHeadNs + limits.recordDelayMs * 1e6;
}
