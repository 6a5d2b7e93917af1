/** What each event of a connection means for its two streams. */
import type { CloseEvent, DataEvent } from '../../capture/types.ts';
import type { Http1Connection } from './connection.ts';
import { endAll, reportLost } from './endings.ts';
import { readGap } from './gaps.ts';
import { dropHeld, hold, keep } from './held.ts';
import type { MessageStream } from './message-stream.ts';
import { readMessages, skipUnframed } from './reader.ts';
import { refuteRequest, seekRequest } from './requests.ts';
import { seekResponse } from './responses.ts';
import { firstByte, hasStandardMethod, plausibleRequest, plausibleResponse } from './start-line.ts';
import { isTurnStart } from './turns.ts';

/** Bits of `enum event_data_flag` in bpf/event.h. */
const DATA_EOF = 1 << 0;
const DATA_ERROR = 1 << 1;

/** errno of calls on a connection that is no more. */
const EPIPE = 32;
const ECONNABORTED = 103;
const ECONNRESET = 104;
const ETIMEDOUT = 110;

export function readEvent(c: Http1Connection, event: DataEvent): void {
  if (c.mode !== 'http') {
    if (c.mode === 'tunnel') c.context.counters.add('protocol.tunnel_bytes', event.lenBytes);
    return;
  }
  const stream = event.isWrite ? c.write : c.read;
  if (event.lenBytes > 0) noteThread(c, stream, event);
  const passed = arrive(c, stream, event);
  if (passed > 0 && passed >= event.lenBytes) return;
  if (stream === c.responses && c.held !== null) {
    holdMore(c, event, passed);
    return;
  }
  deliver(c, stream, event, passed);
  if (c.held !== null && c.pending.length > 0) release(c);
}

/** Positions: returns how many of the event's bytes were passed before. */
function arrive(c: Http1Connection, stream: MessageStream, event: DataEvent): number {
  const gapBytes = stream.arrive(event.position, event.lenBytes);
  if (gapBytes === 0) return 0;
  if (gapBytes > 0) {
    readGap(c, stream, gapBytes, event.position);
    return 0;
  }
  if (event.lenBytes > 0) c.context.counters.add('protocol.late_events');
  return Math.min(-gapBytes, event.lenBytes);
}

function noteThread(c: Http1Connection, stream: MessageStream, event: DataEvent): void {
  if (event.goroutine !== 0 || (c.tid !== 0 && c.tid !== event.tid)) c.isMixed = true;
  c.tid = event.tid;
  if (stream !== c.responses || !c.isRoleKnown) return;
  c.lastResponseTid = event.tid;
  c.lastResponseNs = event.timeNs;
}

/** Events of the response direction line up behind those that wait already. */
function holdMore(c: Http1Connection, event: DataEvent, passed: number): void {
  const { cursor } = c.context;
  cursor.load(event, passed);
  hold(c, event, cursor);
}

/** Reads the event's bytes, then its end of stream. */
function deliver(
  c: Http1Connection,
  stream: MessageStream,
  event: DataEvent,
  passed: number,
): void {
  if (event.lenBytes > 0) {
    if (isInStep(c, stream, event)) {
      const { cursor } = c.context;
      cursor.load(event, passed);
      readMessages(c, stream, cursor, event);
      if (stream === c.requests && isPastHead(stream)) c.newestTurn = event.turn;
    } else {
      skipUnframed(c, stream, event.lenBytes, event.position + event.lenBytes, event);
    }
    stream.lastNs = event.timeNs;
  }
  if ((event.flags & (DATA_EOF | DATA_ERROR)) !== 0) readEnd(c, stream, event);
}

/** Whether the stream knows what the event's first byte is. */
function isInStep(c: Http1Connection, stream: MessageStream, event: DataEvent): boolean {
  if (stream.isTentative && stream.state === 'head' && isTurnStart(c.connection.startSeen, event)) {
    // What looked like the beginning of a head was not one: heads are not interrupted.
    refuteRequest(c);
  }
  if (stream.state === 'seek') return seek(c, stream, event);
  if (stream === c.requests) {
    if (!stream.isTentative) c.turns.turn = event.turn;
  } else if (isTurnStart(c.connection.startSeen, event) && isInBody(stream)) {
    // The turn before was the request's too, also when it is among what was lost.
    c.turns.turn = Math.max(c.turns.turn, event.turn - 1);
  }
  return true;
}

/** Whether all bytes so far belong to requests that are known. */
function isPastHead(stream: MessageStream): boolean {
  return stream.state !== 'head' && !(stream.state === 'seek' && stream.hadGap);
}

function isInBody(stream: MessageStream): boolean {
  return stream.state !== 'start' && stream.state !== 'head';
}

function seek(c: Http1Connection, stream: MessageStream, event: DataEvent): boolean {
  if (!c.isRoleKnown && !findRole(c, stream, event)) return false;
  return stream === c.requests ? seekRequest(c, event) : seekResponse(c, event);
}

/** Role of a connection of which neither accept nor connect was seen, from a whole start line. */
function findRole(c: Http1Connection, stream: MessageStream, event: DataEvent): boolean {
  const end = event.payloadStart + event.copiedBytes;
  const start = firstByte(event.bytes, event.payloadStart, end);
  const isRequest =
    plausibleRequest(event.bytes, start, end) === 'yes' &&
    hasStandardMethod(event.bytes, start, end);
  if (!isRequest && plausibleResponse(event.bytes, start, end) !== 'yes') return false;
  c.setRole((stream === c.write) === isRequest ? 'client' : 'server');
  noteThread(c, stream, event);
  return true;
}

/** The request that the held response events waited for is here. */
function release(c: Http1Connection): void {
  const events = c.held ?? [];
  c.held = null;
  c.heldBytes = 0;
  for (const event of events) {
    if (c.held === null) deliver(c, c.responses, event, 0);
    else keep(c, event);
  }
}

/** The peer sends no more (a read of 0 bytes), or a call failed. */
function readEnd(c: Http1Connection, stream: MessageStream, event: DataEvent): void {
  const isReset = isResetError(event.error);
  if (!c.isRoleKnown || c.mode !== 'http') return;
  if (isReset) c.isReset = true;
  if (stream === c.responses) {
    if (isReset || (event.flags & DATA_EOF) !== 0) {
      endAll(c, isReset ? 'reset' : 'closed', event.timeNs);
    }
  } else if (isReset && c.connection.role === 'server') {
    // A client whose send fails may still read a response; a server has nobody left to answer.
    endAll(c, 'reset', event.timeNs);
  }
}

function isResetError(error: number): boolean {
  return error === ECONNRESET || error === EPIPE || error === ETIMEDOUT || error === ECONNABORTED;
}

/** The connection is gone: ends what is open and counts what must have been on it unseen. */
export function closeConnection(c: Http1Connection, event: CloseEvent): void {
  if (c.mode !== 'http') return;
  readTail(c, c.requests, c.requests === c.read ? event.readPosition : event.writePosition);
  readTail(c, c.responses, c.responses === c.read ? event.readPosition : event.writePosition);
  dropHeld(c);
  endAll(c, c.isReset ? 'reset' : 'closed', closeTime(c, event));
  // Unless what was held showed a tunnel, of which nothing is counted.
  if (isHttp(c)) countTail(c, event.turns);
}

/** The sweep finds a closed socket up to half a minute later: the last bytes are nearer the truth. */
function closeTime(c: Http1Connection, event: CloseEvent): number {
  const isSwept = event.tid === 0 && event.readPosition !== -1;
  return isSwept ? Math.max(c.requests.lastNs, c.responses.lastNs) : event.timeNs;
}

function isHttp(c: Http1Connection): boolean {
  return c.mode === 'http';
}

/** Bytes behind the last event were lost; -1: the final position is not known. */
function readTail(c: Http1Connection, stream: MessageStream, position: number): void {
  const isKnown = position !== -1 && stream.expected !== -1;
  const gapBytes = isKnown ? stream.arrive(position, 0) : 0;
  if (gapBytes > 0) readGap(c, stream, gapBytes, position);
}

function countTail(c: Http1Connection, turns: number): void {
  const { requests } = c;
  if (requests.state === 'head' && !requests.isTentative) {
    c.context.counters.add('protocol.incomplete_heads');
  }
  const isUnsure = requests.state === 'seek' || requests.isTentative;
  if (!isUnsure || !requests.hadGap) return;
  reportLost(c, c.turns.skipToEnd(turns, requests.leastLost));
}
