/** An operand with its names looked up: known now, a field, or computed per exchange. */
import type { FieldRef } from '../fields/field.ts';
import type { Value } from '../values/value.ts';
import type { Condition, ValueOf } from './scope.ts';

export type Resolved =
  | { readonly kind: 'constant'; readonly value: Value }
  | { readonly kind: 'field'; readonly ref: FieldRef }
  /** `truth` is set for calls that have a quicker way to say yes or no. */
  | { readonly kind: 'computed'; readonly value: ValueOf; readonly truth: Condition | null };

export function readerOf(resolved: Resolved): ValueOf {
  switch (resolved.kind) {
    case 'constant':
      return () => resolved.value;
    case 'field':
      return (source) => source.value(resolved.ref);
    case 'computed':
      return resolved.value;
  }
}
