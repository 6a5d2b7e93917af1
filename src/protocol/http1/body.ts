/** Message bodies: counted, captured up to a limit, and their end found. */
import type { DataEvent } from '../../capture/types.ts';
import type { CapturedBody } from '../../handoff/captured-body.ts';
import { ChunkedBody } from './chunked.ts';
import type { Http1Connection } from './connection.ts';
import type { Cursor } from './cursor.ts';
import { endExchange, finishMessage, refuseResponse } from './endings.ts';
import type { HttpExchange } from './exchange.ts';
import { CHUNKED, type Framing, UNTIL_CLOSE } from './framing.ts';
import type { MessageStream } from './message-stream.ts';

/** A body with the given framing follows on `stream`. */
export function startBody(c: Http1Connection, stream: MessageStream, framing: Framing): void {
  stream.body = stream.exchange === null ? null : captureBody(c, stream, stream.exchange, framing);
  if (framing === CHUNKED) {
    stream.state = 'chunked';
    stream.chunks = new ChunkedBody();
  } else if (framing === UNTIL_CLOSE) {
    stream.state = 'until-close';
  } else {
    stream.state = 'length';
    stream.remainingBytes = framing;
  }
}

/** The exchange has its body from the beginning: whoever ends it also ends what is kept of it. */
function captureBody(
  c: Http1Connection,
  stream: MessageStream,
  exchange: HttpExchange,
  framing: Framing,
): CapturedBody | null {
  const { bodies, bodyLimits } = c.context;
  const bounds = exchange.role === 'client' ? bodyLimits.egress : bodyLimits.ingress;
  const isRequest = stream === c.requests;
  const bytesMax = isRequest ? bounds.request : bounds.response;
  if (bytesMax === 0 || bodies === null) return null;
  const isLengthKnown = framing !== CHUNKED && framing !== UNTIL_CLOSE;
  const body = bodies.start(bytesMax, isLengthKnown ? framing : -1);
  if (isRequest) exchange.requestBody = body;
  else exchange.responseBody = body;
  return body;
}

/** `lenBytes` body bytes went by. */
export function countBody(c: Http1Connection, stream: MessageStream, lenBytes: number): void {
  const { exchange } = stream;
  if (exchange === null) return;
  if (stream === c.requests) exchange.requestBodyBytes += lenBytes;
  else exchange.responseBodyBytes += lenBytes;
}

/** Takes `lenBytes` body bytes at the cursor. */
function takeBody(
  c: Http1Connection,
  stream: MessageStream,
  cursor: Cursor,
  lenBytes: number,
): void {
  countBody(c, stream, lenBytes);
  if (stream.body !== null) {
    const present = Math.min(lenBytes, cursor.end - cursor.at);
    stream.body.add(cursor.bytes, cursor.at, present, lenBytes - present);
  }
  cursor.skip(lenBytes);
}

/** RFC 9112 6.2: a body of known length; what was not copied counts like what was. */
export function readLength(
  c: Http1Connection,
  stream: MessageStream,
  cursor: Cursor,
  event: DataEvent,
): void {
  const lenBytes = Math.min(stream.remainingBytes, cursor.leftBytes);
  takeBody(c, stream, cursor, lenBytes);
  stream.remainingBytes -= lenBytes;
  if (stream.remainingBytes === 0) finishMessage(c, stream, event.timeNs, cursor.position);
}

/** RFC 9112 6.3 case 8: everything until the connection ends. */
export function readUntilClose(c: Http1Connection, stream: MessageStream, cursor: Cursor): void {
  takeBody(c, stream, cursor, cursor.leftBytes);
}

/** RFC 9112 7.1. */
export function readChunks(
  c: Http1Connection,
  stream: MessageStream,
  chunks: ChunkedBody,
  cursor: Cursor,
  event: DataEvent,
): void {
  while (cursor.leftBytes > 0) {
    switch (chunks.step(cursor)) {
      case 'data': {
        const lenBytes = Math.min(chunks.dataBytes, cursor.leftBytes);
        takeBody(c, stream, cursor, lenBytes);
        chunks.take(lenBytes);
        break;
      }
      case 'end':
        finishMessage(c, stream, event.timeNs, cursor.position);
        return;
      case 'filler':
        loosen(c, stream);
        return;
      case 'invalid':
        refuseBody(c, stream, event);
        return;
      case 'need-more':
        return;
    }
  }
}

/**
 * Chunk framing that was not copied. The exchange stays with the stream, its bytes (chunk framing
 * included) are counted until the last chunk is seen at the end of a call, or something follows.
 */
function loosen(c: Http1Connection, stream: MessageStream): void {
  const { exchange, body } = stream;
  c.context.counters.add('truncated.framing');
  if (stream === c.responses) c.pending.shift();
  stream.seek(false, 0);
  stream.isCut = true;
  stream.looseTail = '';
  if (exchange === null) return;
  stream.exchange = exchange;
  stream.body = body;
  if (stream === c.responses) {
    exchange.isResponseTruncated = true;
    exchange.isResponseSizeInexact = true;
    return;
  }
  exchange.isRequestTruncated = true;
  exchange.isRequestSizeInexact = true;
  exchange.isRequestDone = true;
}

/** Chunk framing that is none: for a request RFC 9112 7.1 leaves only 400 and close. */
function refuseBody(c: Http1Connection, stream: MessageStream, event: DataEvent): void {
  if (stream === c.responses) {
    refuseResponse(c, event.timeNs);
    return;
  }
  const { exchange } = stream;
  c.context.counters.add('protocol.invalid');
  stream.seek(false, 0);
  if (exchange === null) return;
  exchange.isInvalid = true;
  exchange.isRequestDone = true;
  if (exchange.isResponseDone) endExchange(c, exchange, 'complete');
}
