import type { DataEvent } from '../../capture/types.ts';
import type { Http1Connection } from './connection.ts';
import { abandon, reportLost } from './endings.ts';
import { cutResponseStatus } from './start-line.ts';
import { isTurnStart } from './turns.ts';

const CONTINUE = 100;
const SWITCHING = 101;

/**
 * A response without a known request begins with this event, if any does. Its request was before
 * our time (then the exchange is dropped here), or was lost (then it is counted when its loss
 * shows), or there was none (408 on an idle connection).
 */
export function orphanResponse(c: Http1Connection, event: DataEvent): void {
  const end = event.payloadStart + event.copiedBytes;
  const status = cutResponseStatus(event.bytes, event.payloadStart, end);
  if (status >= 200) c.turns.expectContinuation(-1);
  const mayBegin = isTurnStart(c.connection.startSeen, event) || !c.turns.isAnchored;
  if (status === 0 || !mayBegin) return;
  c.context.counters.add('protocol.orphan_responses');
  if (status === SWITCHING) leaveTunnel(c, event.turn);
  if (status < 200) c.sawInterim = true;
  if (status === CONTINUE) c.turns.expectContinuation(event.turn + 1);
  else if (!c.turns.isAnchored && status >= 200) c.context.counters.add('dropped.unpaired');
}

/**
 * The request of a tunnel was lost: it and those before it are counted, then nothing is read. One
 * that was seen in the turn before and made no exchange was counted as what it was.
 */
function leaveTunnel(c: Http1Connection, turn: number): void {
  const leastLost = c.lastRequestTurn === turn - 1 ? 0 : 1;
  if (c.turns.isAnchored) reportLost(c, c.turns.skipToEnd(turn - 1, leastLost));
  abandon(c);
}
