/** Which values a condition names for its fields: `status == 503`, `method in ["GET", "HEAD"]`. */
import type { FieldRef } from '../fields/field.ts';
import type { Node, Operand } from '../language/syntax.ts';
import type { Value } from '../values/value.ts';

/** By full name of the field. */
export type Assumption = ReadonlyMap<string, Value>;

/** Of one list; more are not tried one by one. */
const LIST_MAX = 32;

/**
 * All values that the fields may have where every one of `nodes` is true, as far as they are named:
 * of lists the first one, of other fields nothing is said. Empty when none is named.
 */
export function assumptionsOf(
  nodes: readonly Node[],
  fields: ReadonlyMap<string, FieldRef>,
): readonly Assumption[] {
  const named = nodes.flatMap((node) => valuesOf(node, fields));
  const single = named.filter(({ values }) => values.length === 1);
  const fixed = new Map(
    single.map(({ name, values }) => [name, values[0]]).reverse() as [string, Value][],
  );
  const list = named.find(({ name, values }) => values.length > 1 && !fixed.has(name));
  if (list !== undefined)
    return list.values.map((value) => new Map([...fixed, [list.name, value]]));
  return fixed.size === 0 ? [] : [fixed];
}

interface Named {
  readonly name: string;
  readonly values: readonly Value[];
}

function valuesOf(node: Node, fields: ReadonlyMap<string, FieldRef>): Named[] {
  if (node.kind !== 'compare' || (node.operator !== '==' && node.operator !== 'in')) return [];
  const { left, right } = node;
  if (left.kind !== 'field') return [];
  const ref = fields.get(left.key === null ? left.name : `${left.name}.${left.key}`);
  const values = right.kind === 'array' ? right.elements.map(plainOf) : [plainOf(right)];
  if (ref === undefined || ref.field.isSeveral === true) return [];
  const isKnown = values.length <= LIST_MAX && values.every((value) => value !== undefined);
  const isPlain = values.every((value) => typeof value === PLAIN[ref.field.type]);
  return isKnown && isPlain ? [{ name: ref.name, values: values as Value[] }] : [];
}

/** Types of fields that have one value, and what it is in an expression. */
const PLAIN: Readonly<Record<string, string>> = {
  text: 'string',
  number: 'number',
  flag: 'boolean',
};

function plainOf(operand: Operand): Value | undefined {
  return operand.kind === 'literal' ? operand.value : undefined;
}
