/** The conditions that `and` joins, macros opened, each in one way of writing. */
import type { Macros } from '../expression.ts';
import type { Node, Operand } from '../language/syntax.ts';
import { isList, type Value } from '../values/value.ts';

export interface Part {
  readonly node: Node;
  /** Equal for equal conditions. */
  readonly text: string;
}

/** Macros opened at most: a chain of them may be long. */
const PARTS_MAX = 256;

/** Empty when there are too many. */
export function conjuncts(node: Node, macros: Macros): readonly Part[] {
  const parts: Part[] = [];
  const waiting: Node[] = [node];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const call = next.kind === 'truth' && next.operand.kind === 'call' ? next.operand.name : '';
    const macro = macros.nodes.get(call);
    if (parts.length + waiting.length > PARTS_MAX) return [];
    if (next.kind === 'and') waiting.push(...next.operands);
    else if (macro !== undefined) waiting.push(macro);
    else parts.push({ node: next, text: written(next) });
  }
  return parts;
}

function written(node: Node): string {
  switch (node.kind) {
    case 'and':
    case 'or':
      return `(${node.operands.map(written).join(` ${node.kind} `)})`;
    case 'not':
      return `not ${written(node.operand)}`;
    case 'truth':
      return operandText(node.operand);
    case 'compare':
      return `${operandText(node.left)} ${node.operator} ${operandText(node.right)}`;
  }
}

function operandText(operand: Operand): string {
  switch (operand.kind) {
    case 'field':
      return operand.key === null
        ? operand.name
        : `${operand.name}[${JSON.stringify(operand.key)}]`;
    case 'literal':
      return literalText(operand.value);
    case 'array':
      return `[${operand.elements.map(operandText).join(', ')}]`;
    case 'call':
      return `${operand.name}(${operand.arguments.map(operandText).join(', ')})`;
  }
}

function literalText(value: Value): string {
  if (typeof value !== 'object' || value === null || isList(value)) {
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
  }
  if (value.kind === 'pattern') return `/${value.source}/`;
  return 'text' in value ? `${value.kind}:${value.text}` : '';
}
