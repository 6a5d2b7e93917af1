/**
 * The syntax tree of an expression. Every node knows its place in the text. `and` and `or` hold
 * any number of operands, so that long chains are not deep trees.
 */
import type { Cidr } from '../values/address.ts';
import type { Value } from '../values/value.ts';
import type { Span } from './problem.ts';

export type CompareOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'contains' | 'matches' | 'in';

export type Node = Span &
  (
    | { readonly kind: 'and' | 'or'; readonly operands: readonly Node[] }
    | { readonly kind: 'not'; readonly operand: Node }
    | {
        readonly kind: 'compare';
        readonly operator: CompareOperator;
        readonly left: Operand;
        readonly right: Operand;
      }
    /** A value that stands alone: true when it is truthy. */
    | { readonly kind: 'truth'; readonly operand: Operand }
  );

export type Operand = Literal | FieldName | ArrayLiteral | Call;

export interface Literal extends Span {
  readonly kind: 'literal';
  readonly value: Exclude<Value, readonly Value[]>;
}

/** `name`, or `name["key"]` where the key has characters that a name cannot have. */
export interface FieldName extends Span {
  readonly kind: 'field';
  readonly name: string;
  readonly key: string | null;
}

export interface ArrayLiteral extends Span {
  readonly kind: 'array';
  readonly elements: readonly (Literal | FieldName)[];
}

/** A function, or a macro when there are no arguments. */
export interface Call extends Span {
  readonly kind: 'call';
  readonly name: string;
  readonly arguments: readonly Operand[];
}

/** `in 10.0.0.0/8` and the like. */
export function isNetwork(operand: Operand): operand is Literal & { readonly value: Cidr } {
  return (
    operand.kind === 'literal' &&
    typeof operand.value === 'object' &&
    operand.value !== null &&
    operand.value.kind === 'cidr'
  );
}
