import type { DataEvent } from '../../capture/types.ts';

/**
 * Counts exchanges on one connection so that none is forgotten, also across losses.
 *
 * The kernel numbers direction turns. Without pipelining, a request is one turn and its response
 * the next; so between the last turn that is known to hold bytes of request n and a later turn in
 * which a request starts lie (difference / 2) requests. Every request of the connection is counted
 * here once: as an exchange that was made, as dropped, or as lost.
 *
 * What can bend the arithmetic is an interim 100 (Continue), which costs two turns more, and
 * pipelining, which costs fewer. Seen ones are accounted for, because `turn` follows the bytes of
 * the request; one that lies wholly inside a loss cannot be told from plain exchanges. So after a
 * loss ordinals stay known only while a connection has been plain in all that was seen of it.
 */
export class TurnCount {
  /** Last turn known to hold bytes of request number `count`. */
  turn = -1;
  /** Requests counted so far. */
  count = 0;
  /** Whether `count` is the ordinal of the last request, from the start of the connection. */
  isExact: boolean;
  /** False until a request was seen on a connection whose start was not: nothing to count from. */
  isAnchored: boolean;
  /** The last `skipTo` met turns that do not fit: requests were pipelined inside the loss. */
  isBent = false;
  /** A turn that holds the body of a request that was not seen; -1 none. */
  #expected = -1;

  constructor(startSeen: boolean) {
    this.isExact = startSeen;
    this.isAnchored = startSeen;
  }

  /** A request starts in turn `turn`. Returns its ordinal, 0 when that is not known. */
  next(turn: number): number {
    this.turn = turn;
    this.isAnchored = true;
    this.count++;
    return this.isExact ? this.count : 0;
  }

  /**
   * Requests that must lie between the last one counted and the one that starts in turn `turn`;
   * at least `leastRequests`. They are counted by this call. `startsTurn`: the request is the
   * first thing in its turn, else what came before it in the turn was a request too.
   */
  skipTo(turn: number, leastRequests: number, startsTurn: boolean): number {
    if (!this.isAnchored) return this.#lose(leastRequests);
    this.#settleExpected(turn);
    const between = turn - this.turn;
    const requests = (between >> 1) - (startsTurn ? 1 : 0);
    this.isBent = (between & 1) !== 0 || requests < leastRequests;
    if (this.isBent || !startsTurn) this.isExact = false;
    return this.#lose(Math.max(requests, leastRequests));
  }

  /**
   * Turn `turn` of the request direction begins with no request: it goes on with one that began
   * earlier, so this turn and one of responses do not stand for an exchange.
   */
  skipContinuation(turn: number): void {
    if (this.#expected === turn) this.#expected = -1;
    this.turn += 2;
  }

  /**
   * A 100 (Continue) to a request that was not seen: unless more is seen, `turn` is its body. -1:
   * a final response followed it.
   */
  expectContinuation(turn: number): void {
    this.#expected = turn;
  }

  expects(turn: number): boolean {
    return this.#expected === turn;
  }

  #settleExpected(turn: number): void {
    if (this.#expected !== -1 && this.#expected < turn) this.turn += 2;
    this.#expected = -1;
  }

  /** Requests that must lie behind the last one counted when the connection ends after `turns`. */
  skipToEnd(turns: number, leastRequests: number): number {
    this.#settleExpected(turns + 1);
    const behind = this.isAnchored ? turns - this.turn : turns;
    return this.#lose(Math.max(behind >> 1, leastRequests));
  }

  #lose(requests: number): number {
    const lost = Math.max(requests, 0);
    this.count += lost;
    return lost;
  }
}

/** `DATA_TURN` of bpf/event.h. */
export const DATA_TURN = 1 << 5;

/**
 * Whether a direction turn begins with this event, so that a message may. The first event of a
 * connection older than the agent is marked too, and may lie in the middle of anything.
 */
export function isTurnStart(startSeen: boolean, event: DataEvent): boolean {
  return isMarkedTurn(event) && (startSeen || event.turn > 1);
}

/** Whether the kernel saw no bytes of this direction since those of the other one. */
export function isMarkedTurn(event: DataEvent): boolean {
  return (event.flags & DATA_TURN) !== 0;
}
