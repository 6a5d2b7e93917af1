/**
 * Responses of client connections that were recorded before their request: a send is recorded at
 * its return, and by then another thread may have read the response. They wait for the request,
 * because framing a response needs its method.
 */
import type { DataEvent } from '../../capture/types.ts';
import { limits } from '../../config/limits.ts';
import type { Http1Connection } from './connection.ts';
import type { Cursor } from './cursor.ts';
import { orphanResponse } from './orphans.ts';
import { DATA_TURN } from './turns.ts';

/** Keeps what is left of `event` at the cursor; the batch is reused, so its bytes are copied. */
export function hold(c: Http1Connection, event: DataEvent, cursor: Cursor): void {
  const presentBytes = cursor.end - cursor.at;
  const tailBytes = Math.min(event.tailBytes, cursor.leftBytes);
  const keptBytes = Math.max(presentBytes, tailBytes);
  const bytes = Buffer.copyBytesFrom(cursor.bytes, cursor.at, keptBytes);
  const isWhole = cursor.at === event.payloadStart;
  if (c.held === null) c.context.counters.add('protocol.early_responses');
  keep(c, {
    ...event,
    position: cursor.position,
    lenBytes: cursor.leftBytes,
    copiedBytes: presentBytes,
    bytes,
    payloadStart: 0,
    payloadEnd: presentBytes,
    tailBytes,
    flags: isWhole ? event.flags : event.flags & ~DATA_TURN,
  });
}

/** An event without payload takes room too. */
const EVENT_BYTES = 256;

/** Puts an event that owns its bytes at the end of the line. Beyond the limit all are dropped. */
export function keep(c: Http1Connection, event: DataEvent): void {
  c.held ??= [];
  c.held.push(event);
  c.heldBytes += event.bytes.length + EVENT_BYTES;
  if (c.heldBytes <= limits.heldResponseBytesMax) return;
  c.context.counters.add('protocol.early_overflow');
  dropHeld(c);
  c.responses.seek(false, 0);
}

/** What waits can belong to no request that is known, or no longer be told apart. */
export function dropHeld(c: Http1Connection): void {
  const { held } = c;
  c.held = null;
  c.heldBytes = 0;
  for (const event of held ?? []) orphanResponse(c, event);
}
