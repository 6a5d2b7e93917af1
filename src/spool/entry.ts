/** One record on its way through a spool. */
import type { Segment } from './segment.ts';

/** What was taken from a spool. Exactly one of `ack` and `release` is to be called. */
export interface SpoolEntry {
  readonly payload: Uint8Array;
  /** Delivered, or given up: it does not come out again. */
  ack(): void;
  /** Not delivered: it comes out again. */
  release(): void;
}

export interface Place {
  readonly segment: Segment;
  readonly offset: number;
}

interface Owner {
  done(place: Place | undefined): void;
  again(place: Place): void;
}

export class Entry implements SpoolEntry {
  readonly payload: Uint8Array;
  state: 'waiting' | 'out' | 'done';
  /** undefined while it is in the buffer only. */
  place: Place | undefined;
  readonly #owner: Owner;

  constructor(payload: Uint8Array, state: 'waiting' | 'out', owner: Owner, place?: Place) {
    this.payload = payload;
    this.state = state;
    this.#owner = owner;
    this.place = place;
  }

  ack(): void {
    if (this.state !== 'out') return;
    this.state = 'done';
    this.#owner.done(this.place);
  }

  release(): void {
    if (this.state !== 'out') return;
    this.state = 'waiting';
    if (this.place !== undefined) this.#owner.again(this.place);
  }
}
