/** From a letter of a value to its place in the file: quotes, escapes and block indents between. */
import { isScalar, type Node, Scalar } from 'yaml';
import { endOf, startOf } from './yaml-document.ts';

/** Letters that an escape of a double-quoted scalar takes in the file. */
const ESCAPE_LENGTHS: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 };

/** Offset in `source` of the letter `offset` of the node's value. */
export function offsetInFile(source: string, node: Node, offset: number): number {
  const start = startOf(node);
  if (!isScalar(node)) return start;
  const isBlock = node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED;
  const walk = isBlock ? blockLetters(source, start) : flowLetters(source, node);
  const end = endOf(node);
  let left = offset;
  for (const at of walk) {
    if (at >= end) break;
    if (left-- === 0) return at;
  }
  return Math.max(start, end - 1);
}

/** Where each letter of a plain or quoted value stands. */
function* flowLetters(source: string, node: Scalar): Generator<number> {
  const quote = source[startOf(node)];
  const isDouble = node.type === Scalar.QUOTE_DOUBLE;
  const isQuoted = isDouble || node.type === Scalar.QUOTE_SINGLE;
  for (let at = startOf(node) + (isQuoted ? 1 : 0); at < source.length; ) {
    yield at;
    if (isDouble && source[at] === '\\') at += ESCAPE_LENGTHS[source[at + 1] ?? ''] ?? 2;
    else if (isQuoted && !isDouble && source.startsWith(quote + quote, at)) at += 2;
    else at = afterFold(source, at);
  }
}

/** A line end with the spaces around it is one space of the value. */
function afterFold(source: string, at: number): number {
  const fold = /[ \t]*\r?\n\s*/y;
  fold.lastIndex = at;
  return fold.test(source) ? fold.lastIndex : at + 1;
}

/** Where each letter of a block value stands; the indent of its first line is left out. */
function* blockLetters(source: string, start: number): Generator<number> {
  let at = source.indexOf('\n', start) + 1;
  const indent = /^ */.exec(source.slice(at))?.[0].length ?? 0;
  while (at < source.length) {
    const lineEnd = (source.indexOf('\n', at) + source.length) % source.length;
    for (at = Math.min(at + indent, lineEnd); at <= lineEnd; at++) yield at;
  }
}
