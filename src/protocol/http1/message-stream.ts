import type { DataEvent } from '../../capture/types.ts';
import type { CapturedBody } from '../../handoff/captured-body.ts';
import { Stream } from '../stream.ts';
import type { Cause } from '../types.ts';
import type { ChunkedBody } from './chunked.ts';
import type { Cursor } from './cursor.ts';
import { causeOf, type HttpExchange, type MessageStart } from './exchange.ts';
import type { PartialHead } from './partial-head.ts';

/**
 * What the next byte of a direction is. `start`: a message, or empty lines before it. `seek`:
 * unknown; the stream waits for something that can only be the start of a message.
 */
export type StreamState = 'start' | 'head' | 'length' | 'chunked' | 'until-close' | 'seek';

/** One direction of a connection, as a sequence of messages. */
export class MessageStream extends Stream implements MessageStart {
  state: StreamState;
  /** `length`: body bytes still to come. */
  remainingBytes = 0;
  /** `chunked`: the decoder of the current body. */
  chunks: ChunkedBody | null = null;
  /** `head`: what came in earlier events, null when the head began in this one. */
  partial: PartialHead | null = null;
  /**
   * The exchange whose body flows; null between messages and for bodies nobody wants. In `seek`:
   * the exchange whose framing we gave up, so that its bytes are still counted as its own.
   */
  exchange: HttpExchange | null = null;
  /** That of the exchange, while its bytes come. */
  body: CapturedBody | null = null;

  /** First byte of the current message: time, position, turn, thread, program state. */
  timeNs = 0;
  position = 0;
  turn = 0;
  tid = 0;
  cause: Cause | null = null;
  /** Whether the message starts with its turn (a message in the middle of one was pipelined). */
  startsTurn = false;
  /** The head was found by seeking: it counts only once it proves to be one. */
  isTentative = false;

  /** Time of the last event with bytes. */
  lastNs = 0;
  /**
   * `seek` inside a chunked body whose framing was not copied: its last bytes, as text, in which the
   * last chunk is recognised; null otherwise.
   */
  looseTail: string | null = null;
  /** `seek`: we did not read what was needed to go on; the bytes were there, and may be HTTP. */
  isCut = false;
  /** `seek`: bytes were lost since the last message, not only left unread by our decision. */
  hadGap = false;
  /** `seek` of requests: whole messages that the lost bytes must have held, at least. */
  leastLost = 0;

  constructor(position: number, state: StreamState) {
    super(position);
    this.state = state;
  }

  /** The byte at the cursor is the first of a message. */
  begin(cursor: Cursor, event: DataEvent, startsTurn: boolean): void {
    this.state = 'head';
    this.startsTurn = startsTurn;
    this.timeNs = event.timeNs;
    this.position = cursor.position;
    this.turn = event.turn;
    this.tid = event.tid;
    this.cause = event.cause === 0 ? null : causeOf(event);
  }

  /** Forgets the current message: what follows is unknown. */
  seek(hadGap: boolean, leastLost: number): void {
    this.state = 'seek';
    this.partial = null;
    this.chunks = null;
    this.body = null;
    this.exchange = null;
    this.isTentative = false;
    this.looseTail = null;
    this.isCut = false;
    this.hadGap = hadGap;
    this.leastLost = leastLost;
  }
}
