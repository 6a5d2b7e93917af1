/**
 * Connections whose data was seen and whose open event was not: it has a hole where it was, as a
 * recording may have (the kernel sends no data before the open event has found room, and counts
 * what is lost until then). Nobody knows whose they are, so nothing is made of their bytes; the
 * turns that the kernel counted tell how many exchanges that are.
 */
import type { Counters } from '../telemetry/counters.ts';

export class UnopenedConnections {
  readonly #counters: Counters;
  readonly #connectionsMax: number;
  /** Key: connection id; value: its last turn that was seen. Deleted when it opens or closes. */
  readonly #turns = new Map<number, number>();

  /** Beyond `connectionsMax` only their events are counted. */
  constructor(counters: Counters, connectionsMax: number) {
    this.#counters = counters;
    this.#connectionsMax = connectionsMax;
  }

  data(id: number, turn: number): void {
    this.#counters.add('capture.unknown_connection');
    if (this.#turns.size < this.#connectionsMax || this.#turns.has(id)) this.#turns.set(id, turn);
  }

  /** Its open event comes late: what was missed is a gap now, and counted as one. */
  opened(id: number): void {
    this.#turns.delete(id);
  }

  /** Connections of which no data was seen had ended here before their close event. */
  closed(id: number, turns: number): void {
    if (this.#turns.delete(id)) this.#lose(turns);
  }

  /** Capture stops: those whose close event was lost too. */
  finish(): void {
    for (const turn of this.#turns.values()) this.#lose(turn);
    this.#turns.clear();
  }

  /** A request is one direction turn, its response the next; the last one may have none. */
  #lose(turns: number): void {
    this.#counters.add('lost.unknown_connection', (turns + 1) >> 1);
  }
}
