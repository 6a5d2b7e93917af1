/** How messages and exchanges end. Every exchange that was announced ends here, once. */
import { limits } from '../../config/limits.ts';
import type { ExchangeEnd } from '../types.ts';
import type { Http1Connection } from './connection.ts';
import type { HttpExchange } from './exchange.ts';
import type { MessageStream } from './message-stream.ts';

/** Announces the end of `exchange`. Nothing of it changes afterwards. */
export function endExchange(c: Http1Connection, exchange: HttpExchange, end: ExchangeEnd): void {
  endBodies(c, exchange);
  exchange.end = exchange.isInvalid && end === 'complete' ? 'invalid' : end;
  c.context.counters.add('protocol.exchanges');
  c.context.sink.end(exchange);
}

/** Bodies that were still flowing are kept as far as they came. */
function endBodies(c: Http1Connection, exchange: HttpExchange): void {
  if (c.requests.exchange === exchange) {
    endBody(c, c.requests);
    c.requests.exchange = null;
  }
  if (c.responses.exchange === exchange) {
    endBody(c, c.responses);
    c.responses.exchange = null;
  }
}

/** Nothing more comes of the body of the stream's current message. */
function endBody(c: Http1Connection, stream: MessageStream): void {
  const { body, exchange } = stream;
  stream.body = null;
  if (body === null || exchange === null || !body.isTruncated) return;
  c.context.counters.add('truncated.body');
  if (stream === c.requests) exchange.isRequestTruncated = true;
  else exchange.isResponseTruncated = true;
}

/** The current message of `stream` is whole; its last byte was at `timeNs`, before `position`. */
export function finishMessage(
  c: Http1Connection,
  stream: MessageStream,
  timeNs: number,
  position: number,
): void {
  const { exchange } = stream;
  stream.body?.finish();
  endBody(c, stream);
  stream.state = 'start';
  stream.exchange = null;
  stream.chunks = null;
  if (stream === c.requests) finishRequest(c, exchange, timeNs);
  else finishResponse(c, exchange, timeNs, position);
}

function finishRequest(c: Http1Connection, exchange: HttpExchange | null, timeNs: number): void {
  if (exchange === null) return;
  exchange.requestEndNs = timeNs;
  exchange.isRequestDone = true;
  if (exchange.isResponseDone) endExchange(c, exchange, 'complete');
}

/** A response may end before its request does: then the exchange ends with the request. */
function finishResponse(
  c: Http1Connection,
  exchange: HttpExchange | null,
  timeNs: number,
  position: number,
): void {
  if (c.pending.length === 1) c.pending.pop();
  else c.pending.shift();
  if (exchange === null) return;
  exchange.endNs = timeNs;
  exchange.responseEndPosition = position;
  exchange.isResponseDone = true;
  if (exchange.isRequestDone) endExchange(c, exchange, 'complete');
}

/**
 * Ends a response whose framing we gave up (see MessageStream.exchange): something that can only
 * follow it was seen.
 */
export function endLoose(c: Http1Connection): void {
  const { exchange } = c.responses;
  if (c.responses.state !== 'seek' || exchange === null) return;
  exchange.isResponseDone = true;
  endExchange(c, exchange, 'complete');
}

/**
 * Ends waiting exchanges whose response will not be found, all but the last `keep`: they are cut
 * when we did not read what came, bytes that came and were none make them `invalid`, else the
 * response is among what was lost.
 */
export function losePending(c: Http1Connection, keep: number): void {
  let mayBeTunnel = false;
  while (c.pending.length > keep) {
    const entry = c.pending.shift();
    if (entry?.kind !== 'exchange') continue;
    entry.endNs = lastSeenNs(c, entry);
    endExchange(c, entry, endUnanswered(c, entry));
    mayBeTunnel ||= entry.mayTunnel && entry.status === 0;
  }
  if (mayBeTunnel) abandon(c);
}

function endUnanswered(c: Http1Connection, entry: HttpExchange): ExchangeEnd {
  const { responses } = c;
  if (isCutOff(c, entry)) {
    entry.isResponseTruncated = true;
    return 'detached';
  }
  const wasSeen = !responses.hadGap && !c.isMixed && responses.lastNs >= entry.requestHeadNs;
  entry.hasLoss ||= !wasSeen;
  if (!wasSeen) return 'lost';
  c.context.counters.add('protocol.invalid');
  c.invalidMessages++;
  return 'invalid';
}

/** Bytes came after it that we chose not to read; its response may be among them. */
function isCutOff({ responses }: Http1Connection, entry: HttpExchange): boolean {
  if (responses.state !== 'seek' || responses.hadGap) return false;
  return responses.isCut && responses.lastNs >= entry.requestHeadNs;
}

/** Responses cannot be told apart any more: waiting exchanges are lost, the stream seeks. */
export function loseResponses(c: Http1Connection, hadGap: boolean): void {
  losePending(c, 0);
  endLoose(c);
  c.responses.seek(hadGap || c.responses.hadGap, 0);
}

/** Time of the last byte of the exchange that was seen. */
function lastSeenNs(c: Http1Connection, exchange: HttpExchange): number {
  if (exchange.responseStartNs > 0) return c.responses.lastNs;
  return exchange.requestEndNs || exchange.requestHeadNs;
}

/**
 * The connection carries nothing more: ends what is open. A body until close is whole now, unless
 * the connection was reset (RFC 9112 8).
 */
export function endAll(
  c: Http1Connection,
  end: 'closed' | 'reset' | 'detached' | 'invalid',
  timeNs: number,
): void {
  const { responses } = c;
  if (responses.state === 'until-close' && end === 'closed') {
    finishMessage(c, responses, responses.lastNs, responses.expected);
  }
  endLoose(c);
  for (const entry of c.pending.splice(0)) {
    if (entry.kind !== 'exchange') continue;
    const kind = endOfWaiting(c, entry, end);
    entry.endNs = kind === end ? timeNs : lastSeenNs(c, entry);
    entry.hasLoss ||= kind === 'lost';
    entry.isResponseTruncated ||= isCutOff(c, entry);
    endExchange(c, entry, kind);
  }
  const late = c.requests.exchange;
  if (late?.isResponseDone === true) endExchange(c, late, 'complete');
}

/** Of an exchange without response, when the connection ends so: its response may have come. */
function endOfWaiting(c: Http1Connection, entry: HttpExchange, end: ExchangeEnd): ExchangeEnd {
  if (end === 'detached' || isCutOff(c, entry)) return 'detached';
  return c.responses.state === 'seek' && c.responses.hadGap ? 'lost' : end;
}

/** Exchanges existed of which nothing can be told. */
export function reportLost(c: Http1Connection, exchanges: number): void {
  if (exchanges === 0) return;
  c.context.counters.add('lost.exchanges', exchanges);
  c.context.sink.lost(c.connection, exchanges);
}

/** Nothing of the connection is read any more: not HTTP/1, or too much of it, too often. */
export function giveUp(c: Http1Connection, end: 'invalid' | 'detached', timeNs: number): void {
  endAll(c, end, timeNs);
  abandon(c);
}

/** What follows on the connection is another protocol, or may be. */
export function abandon(c: Http1Connection): void {
  if (c.mode !== 'http') return;
  c.mode = 'ignored';
  endAll(c, 'detached', Math.max(c.read.lastNs, c.write.lastNs));
  c.held = null;
  c.context.counters.add('protocol.ignored_connections');
  c.context.ignore(c.connection);
}

/** Bytes that are no response where one must be; what follows is unknown. */
export function refuseResponse(c: Http1Connection, timeNs: number): void {
  const entry = c.pending.shift();
  c.context.counters.add('protocol.invalid');
  if (entry?.kind === 'exchange') {
    entry.endNs = timeNs;
    endExchange(c, entry, 'invalid');
  }
  c.responses.seek(false, 0);
  if (++c.invalidMessages > limits.invalidMessagesMax) giveUp(c, 'invalid', timeNs);
}
