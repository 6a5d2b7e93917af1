/** Takes an event's bytes through the messages of its stream. */
import type { DataEvent } from '../../capture/types.ts';
import { limits } from '../../config/limits.ts';
import { countBody, readChunks, readLength, readUntilClose } from './body.ts';
import type { Http1Connection } from './connection.ts';
import type { Cursor } from './cursor.ts';
import { endLoose, losePending, refuseResponse } from './endings.ts';
import { hold } from './held.ts';
import type { MessageStream } from './message-stream.ts';
import { orphanResponse } from './orphans.ts';
import { PartialHead } from './partial-head.ts';
import { cutRequest, dropRequest, readRequest, refuseRequest } from './requests.ts';
import { cutResponse, readResponse } from './responses.ts';
import { couldBeRequest, plausibleResponse } from './start-line.ts';
import { isTurnStart } from './turns.ts';

const LF = 10;
const CR = 13;
const LINE_BREAKS_MAX = 4;

/** Reads until the event is used up or the stream no longer knows where it is. */
export function readMessages(
  c: Http1Connection,
  stream: MessageStream,
  cursor: Cursor,
  event: DataEvent,
): void {
  while (cursor.leftBytes > 0 && c.mode === 'http') {
    switch (stream.state) {
      case 'start':
        startMessage(c, stream, cursor, event);
        break;
      case 'head':
        readHead(c, stream, cursor, event);
        break;
      case 'length':
        readLength(c, stream, cursor, event);
        break;
      case 'chunked':
        if (stream.chunks !== null) readChunks(c, stream, stream.chunks, cursor, event);
        break;
      case 'until-close':
        readUntilClose(c, stream, cursor);
        break;
      case 'seek':
        skipUnframed(c, stream, cursor.leftBytes, cursor.position + cursor.leftBytes, event);
        return;
    }
  }
  if (c.mode === 'tunnel') c.context.counters.add('protocol.tunnel_bytes', cursor.leftBytes);
}

/** Bytes of a message whose framing was given up still belong to it. */
export function skipUnframed(
  c: Http1Connection,
  stream: MessageStream,
  lenBytes: number,
  endPosition: number,
  event: DataEvent,
): void {
  const { exchange } = stream;
  if (stream.looseTail !== null) countBody(c, stream, lenBytes);
  stream.body?.cut();
  if (exchange !== null && stream === c.requests) {
    exchange.requestEndNs = event.timeNs;
  } else if (exchange !== null) {
    exchange.endNs = event.timeNs;
    exchange.responseEndPosition = endPosition;
  }
  if (endsChunked(stream, event)) finishLoose(c, stream);
}

/** The end of a body was recognised without its framing: the stream is in step again. */
function finishLoose(c: Http1Connection, stream: MessageStream): void {
  if (stream === c.responses) endLoose(c);
  stream.seek(false, 0);
  stream.state = 'start';
}

/** The last chunk without trailer fields (RFC 9112 7.1), behind the data of the one before. */
const LAST_CHUNK = '\r\n0\r\n\r\n';

/**
 * Whether a body whose chunk framing was not copied ends with this event: a write ends there, and
 * so does what it wrote. (Chunk data that looks the same at the end of a call ends it too early;
 * such an exchange is marked as truncated anyway.)
 */
function endsChunked(stream: MessageStream, event: DataEvent): boolean {
  if (stream.looseTail === null) return false;
  const { bytes, payloadStart, tailBytes, lenBytes } = event;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + payloadStart, tailBytes).toString(
    'latin1',
  );
  const before = tailBytes === lenBytes ? stream.looseTail : '';
  stream.looseTail = (before + text).slice(-LAST_CHUNK.length);
  return stream.looseTail === LAST_CHUNK;
}

/** The next byte is the first of a message, or an empty line before it (RFC 9112 2.2). */
function startMessage(
  c: Http1Connection,
  stream: MessageStream,
  cursor: Cursor,
  event: DataEvent,
): void {
  const isFirst = cursor.position === event.position;
  while (cursor.at < cursor.end && isLineBreak(cursor.bytes[cursor.at])) cursor.skip(1);
  // So few bytes behind a body that was not copied are such an empty line, no message.
  if (cursor.at === cursor.end && cursor.leftBytes <= LINE_BREAKS_MAX) cursor.skipAll();
  if (cursor.leftBytes === 0) return;
  if (stream === c.responses && c.pending.length === 0 && !answerPartialRequest(c, event)) {
    startEarlyResponse(c, stream, cursor, event);
    return;
  }
  if (stream === c.requests && c.pending.length > 0 && mayBeTunnel(c)) {
    losePending(c, 0);
    return;
  }
  const startsTurn = isFirst && isTurnStart(c.connection.startSeen, event);
  stream.begin(cursor, event, startsTurn);
}

/**
 * Bytes of a client that asked for a tunnel and has no answer yet that we saw: nobody sends them
 * before the answer, so that was lost. (On a server of several threads it may be recorded late.)
 */
function mayBeTunnel(c: Http1Connection): boolean {
  const newest = c.pending[c.pending.length - 1];
  const isLate = c.isMixed && c.connection.role === 'server';
  return newest.kind === 'exchange' && newest.mayTunnel && newest.status === 0 && !isLate;
}

function isLineBreak(code: number): boolean {
  return code === LF || code === CR;
}

/**
 * A response and no request that waits for one. A client's request may be recorded later; before
 * a server's response its request was recorded, so it was lost, or there was none.
 */
function startEarlyResponse(
  c: Http1Connection,
  stream: MessageStream,
  cursor: Cursor,
  event: DataEvent,
): void {
  const requestsInStep = c.requests.state !== 'seek' && !c.requests.isTentative;
  if (c.connection.role === 'client' && requestsInStep) {
    hold(c, event, cursor);
    cursor.skipAll();
    return;
  }
  orphanResponse(c, event);
  stream.seek(false, 0);
}

/**
 * A server may answer before the request head is whole (408, 414, 431): such a request is an
 * exchange too. Returns whether one is waiting now.
 */
function answerPartialRequest(c: Http1Connection, event: DataEvent): boolean {
  const { partial, isTentative, expected, lastNs, tid } = c.requests;
  if (c.connection.role !== 'server' || partial === null || isTentative) return false;
  c.context.scan.run(partial.bytes, 0, partial.lengthBytes, true);
  c.context.counters.add('protocol.incomplete_heads');
  const last = { ...event, timeNs: lastNs, tid, turn: c.turns.turn, cause: 0 };
  if (c.context.scan.startLineEnd === -1) dropRequest(c);
  else cutRequest(c, partial.bytes, 0, partial.lengthBytes, expected, last);
  return c.pending.length > 0;
}

/** A head in one event is scanned where it lies; else its parts are collected. */
function readHead(
  c: Http1Connection,
  stream: MessageStream,
  cursor: Cursor,
  event: DataEvent,
): void {
  if (stream.partial !== null) {
    continueHead(c, stream, stream.partial, cursor, event);
    return;
  }
  const { scan } = c.context;
  const { bytes, at } = cursor;
  const limit = Math.min(cursor.end, at + limits.headBytesMax);
  if (scan.run(bytes, at, limit, stream === c.requests)) {
    cursor.skip(scan.end - at);
    finishHead(c, stream, bytes, at, scan.end, cursor, event);
  } else if (!couldBeHead(c, stream, bytes, at, limit)) {
    refuse(c, stream, bytes, at, limit, event);
  } else if (limit < cursor.end || cursor.fillerBytes > 0) {
    cursor.skip(limit - at);
    cutHead(c, stream, bytes, at, limit, cursor, event);
  } else {
    stream.partial = new PartialHead(limits.headBytesMax);
    stream.partial.append(bytes, at, limit);
    cursor.skip(limit - at);
  }
}

function continueHead(
  c: Http1Connection,
  stream: MessageStream,
  partial: PartialHead,
  cursor: Cursor,
  event: DataEvent,
): void {
  cursor.skip(partial.append(cursor.bytes, cursor.at, cursor.end));
  const { bytes, lengthBytes } = partial;
  if (!couldBeHead(c, stream, bytes, 0, lengthBytes)) {
    refuse(c, stream, bytes, 0, lengthBytes, event);
  } else if (partial.isComplete) {
    c.context.scan.run(bytes, 0, lengthBytes, stream === c.requests);
    finishHead(c, stream, bytes, 0, lengthBytes, cursor, event);
  } else if (partial.isFull || cursor.fillerBytes > 0) {
    c.context.scan.run(bytes, 0, lengthBytes, stream === c.requests);
    cutHead(c, stream, bytes, 0, lengthBytes, cursor, event);
  }
}

function finishHead(
  c: Http1Connection,
  stream: MessageStream,
  source: Uint8Array,
  start: number,
  end: number,
  cursor: Cursor,
  event: DataEvent,
): void {
  stream.partial = null;
  if (stream === c.requests) readRequest(c, source, start, end, cursor.position, event);
  else readResponse(c, source, start, end, cursor.position, event);
}

/** Whether bytes that are no whole head may become one: garbage is told early. */
function couldBeHead(
  c: Http1Connection,
  stream: MessageStream,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  if (stream === c.responses) return plausibleResponse(bytes, start, end) !== 'no';
  return couldBeRequest(bytes, start, end);
}

/** The head goes on beyond the limit, or beyond what was copied. */
function cutHead(
  c: Http1Connection,
  stream: MessageStream,
  source: Uint8Array,
  start: number,
  end: number,
  cursor: Cursor,
  event: DataEvent,
): void {
  c.context.counters.add('truncated.head');
  stream.partial = null;
  const isEmpty = start === end;
  if (stream === c.responses) cutResponse(c, source, start, end);
  else if (isEmpty) dropRequest(c);
  else cutRequest(c, source, start, end, cursor.position, event);
}

function refuse(
  c: Http1Connection,
  stream: MessageStream,
  source: Uint8Array,
  start: number,
  end: number,
  event: DataEvent,
): void {
  if (stream === c.requests) refuseRequest(c, source, start, end, event);
  else refuseResponse(c, event.timeNs);
}
