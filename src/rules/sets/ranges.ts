/** What comparisons with numbers say: `status >= 400` holds wherever `status == 503` does. */
import type { CompareOperator, Node, Operand } from '../language/syntax.ts';

type Compare = Extract<Node, { readonly kind: 'compare' }>;

/** Numbers of one field, from `least` to `most`; open: without the bound itself. */
export interface Range {
  readonly field: string;
  readonly least: number;
  readonly most: number;
  readonly isOpenBelow: boolean;
  readonly isOpenAbove: boolean;
}

/** `f != 3`. */
interface Hole {
  readonly field: string;
  readonly without: number;
}

const FLIPPED: Partial<Record<CompareOperator, CompareOperator>> = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

/** undefined for what is no comparison of a field with a number. */
export function rangeOf(node: Node): Range | Hole | undefined {
  if (node.kind !== 'compare') return undefined;
  const { left, operator, right } = node;
  const flipped = FLIPPED[operator];
  if (left.kind === 'field') return between(left, operator, right);
  return flipped === undefined ? undefined : between(right, flipped, left);
}

function between(
  field: Operand,
  operator: CompareOperator,
  bound: Operand,
): Range | Hole | undefined {
  if (field.kind !== 'field' || field.key !== null) return undefined;
  if (bound.kind !== 'literal' || typeof bound.value !== 'number') return undefined;
  const { value } = bound;
  const { name } = field;
  const all = {
    field: name,
    least: -Infinity,
    most: Infinity,
    isOpenBelow: false,
    isOpenAbove: false,
  };
  switch (operator) {
    case '==':
      return { ...all, least: value, most: value };
    case '!=':
      return { field: name, without: value };
    case '<':
    case '<=':
      return { ...all, most: value, isOpenAbove: operator === '<' };
    case '>':
    case '>=':
      return { ...all, least: value, isOpenBelow: operator === '>' };
    default:
      return undefined;
  }
}

/** Whether `wanted` is true wherever all of `given` are. */
export function holdsWhere(wanted: Compare, given: readonly Node[]): boolean {
  const outer = rangeOf(wanted);
  if (outer === undefined) return false;
  const inner = commonRange(given, outer.field);
  if (inner === undefined) return false;
  if ('without' in outer) return !isInside(outer.without, inner);
  return isAbove(inner, outer) && isBelow(inner, outer);
}

/** True when no number is in all ranges of a field. */
export function isContradiction(nodes: readonly Node[]): boolean {
  const fields = new Set(nodes.map((node) => rangeOf(node)?.field));
  return [...fields].some((field) => {
    const range = field === undefined ? undefined : commonRange(nodes, field);
    if (range === undefined) return false;
    const { least, most, isOpenBelow, isOpenAbove } = range;
    return least > most || (least === most && (isOpenBelow || isOpenAbove));
  });
}

function commonRange(nodes: readonly Node[], field: string): Range | undefined {
  let common: Range | undefined;
  for (const node of nodes) {
    const range = rangeOf(node);
    if (range === undefined || 'without' in range || range.field !== field) continue;
    common = common === undefined ? range : intersection(common, range);
  }
  return common;
}

function intersection(a: Range, b: Range): Range {
  const below = isAbove(a, b) ? a : b;
  const above = isBelow(a, b) ? a : b;
  return {
    field: a.field,
    least: below.least,
    isOpenBelow: below.isOpenBelow,
    most: above.most,
    isOpenAbove: above.isOpenAbove,
  };
}

function isAbove(inner: Range, outer: Range): boolean {
  if (inner.least !== outer.least) return inner.least > outer.least;
  return inner.isOpenBelow || !outer.isOpenBelow;
}

function isBelow(inner: Range, outer: Range): boolean {
  if (inner.most !== outer.most) return inner.most < outer.most;
  return inner.isOpenAbove || !outer.isOpenAbove;
}

function isInside(value: number, { least, most, isOpenBelow, isOpenAbove }: Range): boolean {
  return (
    (isOpenBelow ? value > least : value >= least) && (isOpenAbove ? value < most : value <= most)
  );
}
