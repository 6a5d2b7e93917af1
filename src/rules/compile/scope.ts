/** What the names in an expression mean, and what is learned while it is compiled. */
import type { FieldRef, Schema } from '../fields/field.ts';
import type { Problem } from '../language/problem.ts';
import type { FieldSource, Truth } from '../types.ts';
import type { Value } from '../values/value.ts';
import type { Outcomes } from './outcomes.ts';

export type Test = (source: FieldSource) => Truth;
/** Undefined: a field is missing. */
export type ValueOf = (source: FieldSource) => Value | undefined;

/** A condition, ready to run. */
export interface Condition {
  readonly test: Test;
  readonly outcomes: Outcomes;
  /** What it gives as an operand: a macro may stand for a value. */
  readonly value: ValueOf;
}

export interface Scope {
  readonly schema: Schema;
  /** Compiled macros by name; compiled in the scope that asks. */
  macro(name: string): Condition | undefined;
  readonly macroNames: readonly string[];
  /** Fields whose value is taken for granted, by their full name: for questions such as "at ingress?". */
  readonly assumed: ReadonlyMap<string, Value>;
  /** Tests that are worth remembering within one exchange, by what they test. */
  readonly shared: Map<string, Test>;
  readonly fields: Map<string, FieldRef>;
  readonly warnings: Problem[];
}

/** Runs `test` once per exchange. */
export function once(test: Test): Test {
  let epoch = -1;
  let result: Truth = 0;
  return (source) => {
    if (source.epoch !== epoch) {
      result = test(source);
      epoch = source.epoch;
    }
    return result;
  };
}
