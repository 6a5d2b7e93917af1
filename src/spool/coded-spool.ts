/** A spool of values instead of bytes: what finds no room, and what is not ours, is counted. */
import type { CounterName, Counters } from '../telemetry/counters.ts';
import type { SpoolEntry } from './entry.ts';
import type { Spool } from './spool.ts';

export interface Weight {
  /** Objects, spans: what is counted. */
  readonly units: number;
  readonly bytes: number;
}

/** What values are, to those who keep them without knowing them. */
export interface Codec<T> {
  /** Its bytes are not more than those of its record. */
  weigh(value: T): Weight;
  encode(value: T): Uint8Array;
  /** undefined: not one of ours. */
  decode(record: Uint8Array): T | undefined;
}

export interface Found<T> {
  readonly value: T;
  readonly entry: SpoolEntry;
}

/** The side of a spool that an outbox sees. */
export interface ValueSpool<T> {
  readonly hasWaiting: boolean;
  /** False when there is no room. */
  append(value: T): boolean;
  /** Keeps what is under way already; undefined when there is no room. */
  insure(value: T): SpoolEntry | undefined;
  /** The oldest that waits. */
  take(): Promise<Found<T> | undefined>;
}

export interface CodedSpoolCounters {
  /** Units that were kept. */
  readonly kept: CounterName;
  /** Values that found no room. */
  readonly full: CounterName;
  readonly damagedBytes: CounterName;
}

export class CodedSpool<T> implements ValueSpool<T> {
  readonly #spool: Spool;
  readonly #codec: Codec<T>;
  readonly #counters: Counters;
  readonly #names: CodedSpoolCounters;

  constructor(spool: Spool, codec: Codec<T>, counters: Counters, names: CodedSpoolCounters) {
    this.#spool = spool;
    this.#codec = codec;
    this.#counters = counters;
    this.#names = names;
  }

  get hasWaiting(): boolean {
    return this.#spool.hasWaiting;
  }

  append(value: T): boolean {
    return this.#note(this.#mayAdd(value) && this.#spool.append(this.#codec.encode(value)), value);
  }

  insure(value: T): SpoolEntry | undefined {
    const isRoomy = this.#mayAdd(value);
    const entry = isRoomy ? this.#spool.insure(this.#codec.encode(value)) : undefined;
    this.#note(entry !== undefined, value);
    return entry;
  }

  async take(): Promise<Found<T> | undefined> {
    for (;;) {
      const entry = await this.#spool.take();
      if (entry === undefined) return undefined;
      const value = this.#codec.decode(entry.payload);
      if (value !== undefined) return { value, entry };
      this.#counters.add(this.#names.damagedBytes, entry.payload.length);
      entry.ack();
    }
  }

  /** Before the record is made: most of the cost is in that. */
  #mayAdd(value: T): boolean {
    return this.#spool.hasRoom(this.#codec.weigh(value).bytes);
  }

  #note(isKept: boolean, value: T): boolean {
    if (isKept) this.#counters.add(this.#names.kept, this.#codec.weigh(value).units);
    else this.#counters.add(this.#names.full);
    return isKept;
  }
}
