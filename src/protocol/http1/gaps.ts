/** Bytes that the kernel counted and could not deliver. */

import { countBody } from './body.ts';
import type { Http1Connection } from './connection.ts';
import { endExchange, finishMessage, losePending, loseResponses, reportLost } from './endings.ts';
import { ghostOf, type HttpExchange } from './exchange.ts';
import { dropHeld } from './held.ts';
import type { MessageStream } from './message-stream.ts';

/**
 * `gapBytes` are missing on `stream` before `position`. Inside a body of known extent framing goes
 * on; anywhere else the stream has to seek.
 */
export function readGap(
  c: Http1Connection,
  stream: MessageStream,
  gapBytes: number,
  position: number,
): void {
  const { counters } = c.context;
  counters.add('protocol.gaps');
  counters.add('protocol.gap_bytes', gapBytes);
  if (!c.isRoleKnown) {
    stream.hadGap = true;
    return;
  }
  if (stream === c.responses) refuseHeld(c);
  if (stream.exchange !== null) stream.exchange.hasLoss = true;
  stream.body?.cut();
  skipGap(c, stream, gapBytes, position);
  if (stream === c.responses && stream.state === 'seek' && c.mayAnswerEarly) losePending(c, 0);
}

function skipGap(
  c: Http1Connection,
  stream: MessageStream,
  gapBytes: number,
  position: number,
): void {
  switch (stream.state) {
    case 'seek':
      stream.hadGap = true;
      return;
    case 'start':
      losePlace(c, stream, 1);
      return;
    case 'head':
      loseHead(c, stream);
      return;
    case 'until-close':
      countBody(c, stream, gapBytes);
      return;
    case 'length':
      skipLength(c, stream, gapBytes, position);
      return;
    case 'chunked':
      skipChunk(c, stream, gapBytes);
      return;
  }
}

/** The message ended inside the gap when that is longer than the rest of its body. */
function skipLength(
  c: Http1Connection,
  stream: MessageStream,
  gapBytes: number,
  position: number,
): void {
  const covered = Math.min(gapBytes, stream.remainingBytes);
  countBody(c, stream, covered);
  stream.remainingBytes -= covered;
  if (stream.remainingBytes > 0) return;
  finishMessage(c, stream, stream.lastNs, position - gapBytes + covered);
  if (gapBytes > covered) losePlace(c, stream, 1);
}

function skipChunk(c: Http1Connection, stream: MessageStream, gapBytes: number): void {
  if (stream.chunks?.covers(gapBytes) === true) {
    countBody(c, stream, gapBytes);
    stream.chunks.take(gapBytes);
  } else {
    losePlace(c, stream, 0);
  }
}

/** A request whose head is torn will never be an exchange; a response's exchange ends. */
function loseHead(c: Http1Connection, stream: MessageStream): void {
  if (stream === c.requests && !stream.isTentative) {
    c.turns.count++;
    reportLost(c, 1);
    if (c.responses.state !== 'seek') c.pending.push(ghostOf(''));
  }
  const { hadGap, leastLost, isTentative } = stream;
  losePlace(c, stream, isTentative && hadGap ? leastLost : 0);
}

/**
 * Where the next message starts is unknown. `leastLost`: messages that began in the gap for
 * certain. A request that was being sent may still get its response; a response that was being
 * received ends here as lost.
 */
function losePlace(c: Http1Connection, stream: MessageStream, leastLost: number): void {
  const { exchange, state } = stream;
  const wasOpen = state !== 'start';
  stream.seek(true, leastLost);
  if (stream === c.requests) {
    if (exchange !== null) endRequest(c, exchange);
    refuseHeld(c);
  } else if (c.mayAnswerEarly) {
    loseResponses(c, true);
  } else {
    loseResponse(c, wasOpen);
  }
}

/** Responses that wait for a request wait for one that was lost. */
function refuseHeld(c: Http1Connection): void {
  if (c.held === null) return;
  dropHeld(c);
  c.responses.seek(false, 0);
}

/** The end of the request is out of reach. */
function endRequest(c: Http1Connection, exchange: HttpExchange): void {
  exchange.isRequestDone = true;
  if (exchange.isResponseDone) endExchange(c, exchange, 'complete');
}

function loseResponse(c: Http1Connection, wasOpen: boolean): void {
  const [entry] = c.pending;
  if (entry?.kind === 'exchange') entry.hasLoss = true;
  const mayBeTunnel = entry?.kind === 'exchange' && entry.mayTunnel && entry.status === 0;
  if (mayBeTunnel) losePending(c, 0);
  else if (wasOpen) losePending(c, c.pending.length - 1);
}
