/** What holds for every trace of a proxied request, whatever the proxy. */
import assert from 'node:assert/strict';
import type { OtlpSpan } from './otlp-span.ts';

/** Parents, kinds, times and tiers of SERVER (proxy), CLIENT (proxy), SERVER (backend). */
export function assertHop(spans: readonly OtlpSpan[], tier = 'exact.state'): void {
  const [ingress, egress, backend] = spans;
  assert(ingress && egress && backend, `three spans, not ${spans.length}`);
  assertLinked(ingress, egress, tier);
  assert.equal(backend.parentSpanId, egress.spanId);
  assert.equal(backend.traceId, egress.traceId);
  assert.equal(backend.attributes['spantap.link.tier'], 'local');
  assertSameConnection(egress, backend);
}

/** The proxy's own two spans. */
export function assertLinked(ingress: OtlpSpan, egress: OtlpSpan, tier = 'exact.state'): void {
  assert.equal(egress.parentSpanId, ingress.spanId);
  assert.equal(egress.traceId, ingress.traceId);
  assert.equal(egress.attributes['spantap.link.tier'], tier);
  assert.equal(egress.attributes['spantap.link.confidence'], 1);
  assertWithin(ingress, egress);
}

/** The proxy asks after it was asked, and has its answer before it has finished its own. */
export function assertWithin(outer: OtlpSpan, inner: OtlpSpan): void {
  assert(outer.startNs <= inner.startNs, 'starts after its parent');
  assert(inner.startNs <= inner.endNs && outer.startNs <= outer.endNs, 'ends after its start');
  assert(inner.startNs <= outer.endNs, 'starts before its parent ends');
}

/** Both ends of one connection name the same pair of addresses. */
export function assertSameConnection(client: OtlpSpan, server: OtlpSpan): void {
  for (const part of ['address', 'port']) {
    const [local, peer] = [`network.local.${part}`, `network.peer.${part}`];
    assert.equal(client.attributes[peer], server.attributes[local], local);
    assert.equal(client.attributes[local], server.attributes[peer], peer);
  }
  const ordinal = 'spantap.connection.exchange';
  if (client.attributes[ordinal] !== undefined && server.attributes[ordinal] !== undefined) {
    assert.equal(client.attributes[ordinal], server.attributes[ordinal], ordinal);
  }
}

/** Nothing was lost, dropped, cut or left without a parent, but for the counters named. */
export function assertNoLoss(
  counters: Readonly<Record<string, number>>,
  except: readonly string[] = [],
): void {
  const moved = Object.entries(counters).filter(
    ([name, value]) => /^(lost|dropped|truncated|unlinked)\./.test(name) && value !== 0,
  );
  assert.deepEqual(
    moved.filter(([name]) => !except.includes(name)),
    [],
  );
}
