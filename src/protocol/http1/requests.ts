/** Request heads: what becomes an exchange, what is dropped, and what was lost before it. */
import type { DataEvent } from '../../capture/types.ts';
import { limits } from '../../config/limits.ts';
import { startBody } from './body.ts';
import type { Http1Connection } from './connection.ts';
import {
  endExchange,
  endLoose,
  finishMessage,
  giveUp,
  losePending,
  loseResponses,
  reportLost,
} from './endings.ts';
import { ghostOf, HttpExchange } from './exchange.ts';
import { INVALID, requestFraming } from './framing.ts';
import { dropHeld } from './held.ts';
import {
  cutRequestMethod,
  firstByte,
  hasStandardMethod,
  isHttp2Preface,
  isRequestHttp10,
  plausibleRequest,
  requestMethod,
} from './start-line.ts';
import { isMarkedTurn, isTurnStart } from './turns.ts';

/**
 * The request head [start, end) of `source` is whole and was scanned; it ends before `endPosition`.
 */
export function readRequest(
  c: Http1Connection,
  source: Uint8Array,
  start: number,
  end: number,
  endPosition: number,
  event: DataEvent,
): void {
  const { scan } = c.context;
  const stream = c.requests;
  const method = requestMethod(source, start, scan.startLineEnd);
  if (method === '') {
    refuseRequest(c, source, start, end, event);
    return;
  }
  const framing = requestFraming(scan, isRequestHttp10(source, start, scan.startLineEnd));
  const exchange = admit(c, method, source, start, end, endPosition, event);
  stream.exchange = exchange;
  if (exchange !== null) c.context.sink.request(exchange);
  if (framing === INVALID) abandonRequest(c, exchange);
  else if (framing === 0) finishMessage(c, stream, event.timeNs, endPosition);
  else startBody(c, stream, framing);
}

/** RFC 9112 6.3: the server must answer 400 and close; what follows the head is nobody's. */
function abandonRequest(c: Http1Connection, exchange: HttpExchange | null): void {
  c.context.counters.add('protocol.invalid');
  c.requests.seek(false, 0);
  if (exchange === null) return;
  exchange.isInvalid = true;
  exchange.isRequestDone = true;
}

/**
 * A head that is cut: longer than the limit, not copied, or answered before it was whole. Its
 * framing is unknown, so the stream seeks the next request; the response still pairs by count.
 */
export function cutRequest(
  c: Http1Connection,
  source: Uint8Array,
  start: number,
  end: number,
  endPosition: number,
  event: DataEvent,
): void {
  const stream = c.requests;
  const method = cutRequestMethod(source, start, end);
  if (method === '') {
    if (stream.isTentative) refuseRequest(c, source, start, end, event);
    else dropRequest(c);
    return;
  }
  const exchange = admit(c, method, source, start, end, endPosition, event);
  stream.seek(false, 0);
  if (exchange === null) return;
  exchange.isRequestTruncated = true;
  exchange.isRequestSizeInexact = true;
  exchange.isRequestDone = true;
  c.context.sink.request(exchange);
  stream.exchange = exchange;
}

/** A request of which not even the method is known: its response must not pair with another. */
export function dropRequest(c: Http1Connection): void {
  c.context.counters.add('dropped.headless');
  countUnread(c);
}

/** One more request, of which no exchange is made. */
function countUnread(c: Http1Connection): void {
  const stream = c.requests;
  c.turns.next(stream.turn);
  c.lastRequestTurn = stream.turn;
  if (c.responses.state === 'seek') losePending(c, 0);
  else c.pending.push(ghostOf(''));
  stream.seek(false, 0);
}

/** Bytes that are no request where one must start. */
export function refuseRequest(
  c: Http1Connection,
  source: Uint8Array,
  start: number,
  end: number,
  event: DataEvent,
): void {
  const stream = c.requests;
  const { counters } = c.context;
  const wasTentative = stream.isTentative;
  counters.add('protocol.invalid');
  if (isHttp2Preface(source, start, end)) {
    counters.add('protocol.http2_connections');
    giveUp(c, 'invalid', event.timeNs);
    return;
  }
  if (++c.invalidMessages > limits.invalidMessagesMax) {
    giveUp(c, 'invalid', event.timeNs);
    return;
  }
  if (wasTentative) {
    refuteRequest(c);
    return;
  }
  // While a request waits, this is the rest of it or a tunnel whose beginning was lost.
  if (c.pending.length > 0) {
    stream.seek(false, 0);
    return;
  }
  counters.add('dropped.invalid');
  countUnread(c);
}

/** What was found by seeking is no request: the stream seeks on. */
export function refuteRequest(c: Http1Connection): void {
  const { hadGap, leastLost, startsTurn, turn } = c.requests;
  c.requests.seek(hadGap, leastLost);
  if (startsTurn) continueTurn(c, turn);
}

/**
 * Makes the exchange of a request whose head begins at the stream's noted first byte. Null when
 * the request has to be dropped; then it was counted.
 */
function admit(
  c: Http1Connection,
  method: string,
  source: Uint8Array,
  start: number,
  end: number,
  endPosition: number,
  event: DataEvent,
): HttpExchange | null {
  const stream = c.requests;
  if (stream.isTentative) resynchronise(c);
  endLoose(c);
  const sharesTurn = c.lastRequestTurn === stream.turn;
  if (sharesTurn && c.pending.length > 0) c.isPipelined = true;
  const ordinal = c.turns.next(event.turn);
  c.lastRequestTurn = stream.turn;
  if (isDropped(c, method, sharesTurn, event)) return null;
  const { scan } = c.context;
  const head = c.context.heads.keep(source, start, end, scan.known, scan.repeated);
  const exchange = new HttpExchange(
    c.connection,
    ordinal,
    method,
    head,
    stream,
    endPosition,
    event,
    scan.hasUpgrade,
  );
  exchange.isInOrder = c.responses.state !== 'seek' || isAfterLastResponse(c);
  c.pending.push(exchange);
  return exchange;
}

/** Whether no exchange can be made of the request, or no more of them; counted by its reason. */
function isDropped(
  c: Http1Connection,
  method: string,
  sharesTurn: boolean,
  event: DataEvent,
): boolean {
  if (!mayPair(c, sharesTurn)) c.context.counters.add('dropped.unpaired');
  else if (c.invalidMessages > limits.invalidMessagesMax) {
    c.context.counters.add('dropped.invalid');
    giveUp(c, 'invalid', event.timeNs);
  } else if (c.pending.length >= limits.pipelinedMax) dropPipelined(c, method, event);
  else return false;
  return true;
}

/**
 * Whether the response that comes next can be told to be this request's. In step it can: the k-th
 * response is the k-th request's. While responses are out of step (after a loss, or when the
 * connection is older than the agent) only while nothing is pipelined, and when the order of the
 * two is certain; what that takes may show when the response comes, see `isAnswerOf`.
 */
function mayPair(c: Http1Connection, sharesTurn: boolean): boolean {
  if (c.responses.state !== 'seek') return true;
  losePending(c, 0);
  if (c.isPipelined || sharesTurn || c.mode !== 'http') return false;
  // What stands before it in its turn may be another request, whose response comes first.
  if (!c.requests.startsTurn && c.newestTurn !== -1) return false;
  return c.connection.role === 'server' || !c.isMixed || isAfterLastResponse(c);
}

/**
 * Whether the last response that was seen belongs to an earlier request for certain: the thread
 * that read it writes this one, or this one was recorded so much later that its record cannot have
 * been delayed from before that response.
 */
function isAfterLastResponse(c: Http1Connection): boolean {
  const { timeNs, tid, turn } = c.requests;
  if (c.lastResponseNs === Number.NEGATIVE_INFINITY) return turn === 1;
  return tid === c.lastResponseTid || timeNs > c.lastResponseNs + limits.recordDelayMs * 1e6;
}

/** Beyond the limit requests wait in line without an exchange, beyond that nothing is kept. */
function dropPipelined(c: Http1Connection, method: string, event: DataEvent): void {
  c.context.counters.add('dropped.pipelined');
  if (c.pending.length >= limits.pipelinedGhostsMax) giveUp(c, 'detached', event.timeNs);
  else c.pending.push(ghostOf(method));
}

/**
 * A request was found behind unknown bytes. Requests that must lie in them are lost; if there are
 * any, or might be, the responses cannot be told apart by count any more.
 */
function resynchronise(c: Http1Connection): void {
  const stream = c.requests;
  const { turns } = c;
  let isUnsure = false;
  stream.isTentative = false;
  c.context.counters.add('protocol.resyncs');
  if (!stream.startsTurn && turns.isAnchored) c.isPipelined = true;
  if (stream.hadGap) {
    stream.hadGap = false;
    const lost = turns.skipTo(stream.turn, stream.leastLost, stream.startsTurn);
    if (!c.isMixed && turns.isBent) c.isPipelined = true;
    if (!c.isPlain) turns.isExact = false;
    reportLost(c, lost);
    isUnsure = lost > 0 || c.isMixed;
  }
  // What we chose not to read may have held pipelined requests too.
  if (c.isPipelined) turns.isExact = false;
  if (!isUnsure && !c.isPipelined) return;
  dropHeld(c);
  loseResponses(c, false);
}

/**
 * Whether a request starts with this event of a stream that seeks. Where a turn starts a message
 * starts, if the bytes look like one; elsewhere they must be a whole request line with a standard
 * method (a rest of "GET" or "POST" whose first byte was lost is no such method).
 */
export function seekRequest(c: Http1Connection, event: DataEvent): boolean {
  const stream = c.requests;
  const end = event.payloadStart + event.copiedBytes;
  const start = firstByte(event.bytes, event.payloadStart, end);
  const startsTurn = isTurnStart(c.connection.startSeen, event);
  const verdict = start < end ? plausibleRequest(event.bytes, start, end) : 'no';
  const isFound = startsTurn
    ? verdict !== 'no'
    : verdict === 'yes' && mayStartInTurn(c, event) && hasStandardMethod(event.bytes, start, end);
  if (isFound) {
    // A request that is not seen waits for its final response and the next one is sent already.
    if (c.turns.expects(event.turn)) c.isPipelined = true;
    stopCounting(c);
    stream.state = 'start';
    stream.isTentative = true;
    return true;
  }
  if (startsTurn) continueTurn(c, event.turn);
  return false;
}

/** A turn that begins with no request holds the rest of one, see TurnCount. */
function continueTurn(c: Http1Connection, turn: number): void {
  if (c.requests.hadGap) {
    c.turns.skipContinuation(turn);
  } else {
    c.turns.turn = turn;
    c.newestTurn = turn;
  }
}

/**
 * Whether a request may be looked for in the middle of a turn. In the turn of a request that was
 * cut by our own decision only its own rest can follow. On a connection older than the agent only
 * its very first event may be one: behind others, requests that went unread may stand before it.
 */
function mayStartInTurn(c: Http1Connection, event: DataEvent): boolean {
  if (!c.turns.isAnchored) return c.requests.lastNs === 0 && isMarkedTurn(event);
  return c.requests.hadGap || event.turn !== c.turns.turn;
}

/** The request whose framing was given up is over. */
function stopCounting(c: Http1Connection): void {
  const { exchange } = c.requests;
  c.requests.exchange = null;
  if (exchange?.isResponseDone === true && exchange.end === null) {
    endExchange(c, exchange, 'complete');
  }
}
