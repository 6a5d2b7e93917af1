/** Tells about comparisons that cannot become true, with what was probably meant. */
import { nearest } from '../../config/nearest.ts';
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
  if (isHexWord) {
    const isWord = a.kind === 'literal' && a.length === 2;
    return isWord
      ? 'two hex digits are bytes, not a field'
      : 'bytes stand on the right: field == 47:45:54';
  }
  if (left.kind !== 'field' || right.kind !== 'constant') return '';
  const { type, values } = left.ref.field;
  if (values !== undefined && typeof right.value === 'string') {
    return hintForWord(left.ref.name, right.value, values);
  }
  if (type === 'number' && typeof right.value === 'string')
    return 'write the number without quotes';
  if (type === 'address' && kindOf(right.value) === 'pattern') return 'write in 10.0.0.0/8';
  return '';
}

/** `direction == "egress"`: there are two kinds of it. */
function hintForWord(name: string, text: string, values: readonly string[]): string {
  if (values.some((value) => value.startsWith(`${text}-`))) {
    return `write starts_with(${name}, ${JSON.stringify(text)})`;
  }
  const near = nearest(text.toLowerCase(), values);
  return near === undefined ? '' : `did you mean ${JSON.stringify(near)}?`;
}
