/** Many requests at once: every trace is one whole hop, and its spans name the same query. */
import assert from 'node:assert/strict';
import { assertHop } from './facts.ts';
import type { OtlpSpan } from './otlp-span.ts';
import { proxied, shapeOf, treesOf } from './span-tree.ts';

export interface Expected {
  readonly proxy: string;
  readonly backend: string;
  readonly request: string;
  readonly count: number;
}

export function assertWholeHops(spans: readonly OtlpSpan[], expected: Expected): void {
  const trees = treesOf(spans);
  assert.equal(trees.length, expected.count);
  for (const tree of trees) {
    const { proxy, backend, request } = expected;
    assert.deepEqual(shapeOf([tree]), proxied(proxy, backend, request));
    const egress = tree.children[0];
    const answered = egress?.children[0];
    assert(egress && answered);
    const hop = [tree.span, egress.span, answered.span];
    assertHop(hop);
    assert.equal(new Set(hop.map(queryOf)).size, 1, 'all spans of a hop name the same query');
  }
}

function queryOf({ attributes }: OtlpSpan): string {
  const full = attributes['url.full'];
  if (typeof full === 'string') return new URL(full).search.slice(1);
  return String(attributes['url.query'] ?? '');
}
