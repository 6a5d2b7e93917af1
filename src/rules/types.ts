/** What rules take and give. The language itself is described in docs/rules.md. */
import type { FieldRef } from './fields/field.ts';
import type { Value } from './values/value.ts';

/** Three-valued logic: a condition on a field that the exchange does not have is neither. */
export const TRUE = 1;
export const FALSE = 0;
export const MISSING = -1;
export type Truth = typeof TRUE | typeof FALSE | typeof MISSING;

/** Bytes [start, end) of a text, filled by the source that is asked for it. */
export interface TextSlice {
  bytes: Uint8Array;
  start: number;
  end: number;
}

/**
 * The values of one exchange. Rules ask by field; nothing is looked up before it is asked for. The
 * quick forms fit the field's type (fields/schema.ts), `value` fits every one.
 */
export interface FieldSource {
  /** Another number for every exchange of every source (see `nextEpoch`): results are kept by it. */
  readonly epoch: number;
  /** A `number` field; NaN when it is missing. */
  number(ref: FieldRef): number;
  /** A `flag` field. */
  flag(ref: FieldRef): Truth;
  /**
   * Value `index` of a `text` or `address` field, from 0; false when there is none. Only headers and
   * query keys have more than one. `into` holds until the source stands on another exchange.
   */
  text(ref: FieldRef, index: number, into: TextSlice): boolean;
  /** Any field as a value; undefined when it is missing. May allocate. */
  value(ref: FieldRef): Value | undefined;
}

let epoch = 0;

/** A source takes one whenever it stands on another exchange. */
export function nextEpoch(): number {
  return ++epoch;
}
