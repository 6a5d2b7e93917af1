/** Headers of one message by name: its lines are found when the first one is asked for. */
import { HeadLines, unfold } from '../../handoff/head-lines.ts';
import type { TextSlice } from '../types.ts';
import type { Arena } from './arena.ts';

export class HeadFields {
  readonly #lines = new HeadLines();
  readonly #arena: Arena;
  #bytes: Uint8Array = new Uint8Array(0);
  #epoch = -1;

  /** `arena`: where unfolded values go. */
  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Stands on the head in bytes [start, end); the same epoch means the same head. */
  at(epoch: number, bytes: Uint8Array, start: number, end: number): this {
    if (epoch === this.#epoch) return this;
    this.#epoch = epoch;
    this.#bytes = bytes;
    this.#lines.read(bytes, start, end);
    return this;
  }

  /** Value `index`, from 0, of the field called `name` (lower case); false when there is none. */
  value(name: Uint8Array, index: number, into: TextSlice): boolean {
    const lines = this.#lines;
    const bytes = this.#bytes;
    const line = lines.find(bytes, name, index);
    if (line < 0) return false;
    const start = lines.valueStart(bytes, line);
    const end = lines.valueEnd(bytes, line);
    if (lines.isFolded(line)) return this.#unfold(start, end, into);
    into.bytes = bytes;
    into.start = start;
    into.end = end;
    return true;
  }

  #unfold(start: number, end: number, into: TextSlice): boolean {
    const text = Buffer.from(this.#bytes.subarray(start, end)).toString('latin1');
    const unfolded = Buffer.from(unfold(text), 'latin1');
    this.#arena.append(unfolded, 0, unfolded.length);
    return this.#arena.take(into);
  }
}
