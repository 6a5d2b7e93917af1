/** Tells about comparisons that cannot become true, with what was probably meant. */
import { problemAt } from '../language/problem.ts';
import type { Node } from '../language/syntax.ts';
import { kindOf } from '../values/value.ts';
import type { Resolved } from './resolved.ts';
import type { Scope } from './scope.ts';

export function warnNeverTrue(
  node: Extract<Node, { readonly kind: 'compare' }>,
  left: Resolved,
  right: Resolved,
  scope: Scope,
): void {
  if (scope.assumed.size > 0) return;
  const message = `this comparison is never true: ${nameOf(left)} and ${nameOf(right)}`;
  scope.warnings.push(problemAt(node, message, hintOf(node, left, right)));
}

function nameOf(operand: Resolved): string {
  if (operand.kind === 'computed') return 'a computed value';
  if (operand.kind === 'constant') return `a constant (${kindOf(operand.value)})`;
  const { name, field } = operand.ref;
  return field.values === undefined
    ? `${name} (${field.type})`
    : `${name} (one of ${field.values.join(', ')})`;
}

function hintOf(
  node: Extract<Node, { readonly kind: 'compare' }>,
  left: Resolved,
  right: Resolved,
): string {
  const { left: a } = node;
  const isHexWord =
    a.kind === 'literal' &&
    typeof a.value === 'object' &&
    a.value !== null &&
    a.value.kind === 'hex';
  if (isHexWord) return 'two hex digits are bytes, not a field';
  if (left.kind !== 'field' || right.kind !== 'constant') return '';
  const { type } = left.ref.field;
  if (type === 'number' && typeof right.value === 'string')
    return 'write the number without quotes';
  if (type === 'address' && kindOf(right.value) === 'pattern') return 'write in 10.0.0.0/8';
  return '';
}
