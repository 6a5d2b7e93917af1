/** What a YAML node is, in words and as plain data. */
import { isMap, isScalar, isSeq, type Node, type Scalar } from 'yaml';
import { shorten } from './scalars.ts';

export function isNull(node: Node): boolean {
  return isScalar(node) && node.value === null;
}

/** As it was written, without quotes. */
export function textOf(node: Scalar): string {
  return typeof node.value === 'string' ? node.value : (node.source ?? '');
}

/** For messages: `a list where a mapping belongs`. */
export function shapeOf(node: Node): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  return isNull(node) || !isScalar(node) ? 'nothing' : `"${shorten(textOf(node))}"`;
}

/** Of small values; what is deep in large ones is left out. */
export function toJson(node: Node): string {
  return JSON.stringify(plain(node, 4));
}

function plain(node: unknown, depth: number): unknown {
  if (isScalar(node)) return node.value;
  if (depth === 0) return '...';
  if (isSeq(node)) return node.items.map((item) => plain(item, depth - 1));
  if (!isMap(node)) return '...';
  return Object.fromEntries(
    node.items.map(({ key, value }) => [String(plain(key, 1)), plain(value, depth - 1)]),
  );
}
