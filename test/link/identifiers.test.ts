import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Identifiers } from '../../src/link/identifiers.ts';
import type { LinkNode } from '../../src/link/node.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { connection, exchange, type Headers, type LooseExchange, process } from './builders.ts';
import { causeOf, isUnlinked, Scene, type Span } from './scene.ts';

const ENVOY = process(100, 'envoy');

function ask(scene: Scene, headers: Headers): LooseExchange {
  const socket = connection({ process: ENVOY, role: 'server' });
  return scene.request(exchange({ connection: socket, role: 'server', headers }));
}

function send(scene: Scene, headers: Headers): LooseExchange {
  const socket = connection({ process: ENVOY, role: 'client' });
  return scene.request(exchange({ connection: socket, role: 'client', headers }));
}

/** Tiers of the links of these egress to these ingress; null where there is no link. */
function tiersOf(scene: Scene, pairs: readonly (readonly [LooseExchange, LooseExchange])[]) {
  for (const [egress, ingress] of pairs) {
    if (egress.end === null) scene.respond(egress);
    if (ingress.end === null) scene.respond(ingress);
  }
  const spans = scene.allSpans();
  const spanOf = (of: LooseExchange): Span | undefined =>
    spans.find((span) => span.connectionId === of.connection.id);
  return pairs.map(([egress, ingress]) => {
    const span = spanOf(egress);
    return span?.parentSpanId === spanOf(ingress)?.spanId ? span?.tier : null;
  });
}

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

const KNOWN: Readonly<Record<string, (n: number) => Headers>> = {
  'x-request-id': (n) => ({ 'X-Request-Id': `request-${n}` }),
  traceparent: (n) => ({ traceparent: `00-${TRACE}-${SPAN.slice(1)}${n}-01` }),
  b3: (n) => ({ b3: `${TRACE}-${SPAN}${n}-1` }),
  'x-b3-*': (n) => ({ 'X-B3-TraceId': TRACE, 'X-B3-SpanId': `${SPAN.slice(1)}${n}` }),
  'uber-trace-id': (n) => ({ 'uber-trace-id': `${TRACE}:${SPAN}:${n}:1` }),
  'x-amzn-trace-id': (n) => ({ 'X-Amzn-Trace-Id': `Root=1-67891233-abcdef01234567891234567${n}` }),
  'x-cloud-trace-context': (n) => ({ 'X-Cloud-Trace-Context': `${TRACE}/${n};o=1` }),
  'x-correlation-id': (n) => ({ 'x-correlation-id': `correlation-${n}` }),
};

for (const [name, headersOf] of Object.entries(KNOWN))
  test(`${name} on one open request and on the egress links them`, () => {
    const scene = new Scene();
    const [a, b] = [ask(scene, headersOf(1)), ask(scene, headersOf(2))];
    const [toB, toA] = [send(scene, headersOf(2)), send(scene, headersOf(1))];
    assert.deepEqual(
      tiersOf(scene, [
        [toA, a],
        [toB, b],
      ]),
      ['identifier', 'identifier'],
    );
  });

test('an identifier that two open requests carry links nothing', () => {
  const scene = new Scene();
  const headers = { 'x-request-id': 'same-request' };
  const [a, b] = [ask(scene, headers), ask(scene, headers)];
  const egress = send(scene, headers);
  assert.deepEqual(
    tiersOf(scene, [
      [egress, a],
      [egress, b],
    ]),
    [null, null],
  );
});

test('an identifier that an earlier request carried links nothing', () => {
  const scene = new Scene();
  const headers = { 'x-request-id': 'once-more' };
  send(scene, { 'x-request-id': 'starts-the-tier' });
  ask(scene, { 'x-request-id': 'so-it-serves' });
  send(scene, { 'x-request-id': 'starts-the-tier' });
  scene.respond(ask(scene, headers));
  const again = ask(scene, headers);
  const egress = send(scene, headers);
  assert.deepEqual(tiersOf(scene, [[egress, again]]), [null]);
});

test('two identifiers that name different requests link nothing', () => {
  const scene = new Scene();
  const a = ask(scene, { 'x-request-id': 'request-a' });
  const b = ask(scene, { 'x-correlation-id': 'correlation-b' });
  const egress = send(scene, { 'x-request-id': 'request-a', 'x-correlation-id': 'correlation-b' });
  assert.deepEqual(
    tiersOf(scene, [
      [egress, a],
      [egress, b],
    ]),
    [null, null],
  );
  assert.equal(scene.counters.get('unlinked.identifiers_differ'), 1);
});

test('a known identifier may come in another known header', () => {
  const scene = new Scene();
  const a = ask(scene, { 'x-request-id': 'request-a' });
  const egress = send(scene, { 'x-correlation-id': 'request-a' });
  assert.deepEqual(tiersOf(scene, [[egress, a]]), ['identifier']);
});

/** Enough requests with values of their own for the name to count; the tier has begun. */
function teach(scene: Scene, headersOf: (n: number) => Headers, count = 40): void {
  scene.respond(ask(scene, {}));
  scene.respond(send(scene, {}));
  for (let n = 0; n < count; n++) scene.respond(ask(scene, headersOf(n)));
}

test('any header links once its values have proven to be rare', () => {
  const headersOf = (n: number) => ({ 'X-Shop-Cart': `cart-of-the-customer-${n}` });
  for (const [count, tier] of [
    [10, null],
    [40, 'identifier'],
  ] as const) {
    const scene = new Scene();
    teach(scene, headersOf, count);
    const a = ask(scene, headersOf(100));
    const egress = send(scene, headersOf(100));
    assert.deepEqual(tiersOf(scene, [[egress, a]]), [tier]);
  }
});

test('a header whose values repeat never links, nor do short values', () => {
  const headersOf = (n: number) => ({
    'X-Tenant': `tenant-of-the-customer-${n % 20}`,
    'X-Short': `short-${n}`,
  });
  const scene = new Scene();
  teach(scene, headersOf);
  const a = ask(scene, { 'X-Tenant': 'tenant-of-the-customer-new', 'X-Short': 'short-new' });
  const egress = send(scene, { 'X-Tenant': 'tenant-of-the-customer-new', 'X-Short': 'short-new' });
  assert.deepEqual(tiersOf(scene, [[egress, a]]), [null]);
});

test('a user agent or a cookie that only one request has links nothing', () => {
  const headersOf = (n: number) => ({
    'User-Agent': `Mozilla/5.0 (rare browser ${n})`,
    Cookie: `session=${n}0000000000`,
  });
  const scene = new Scene();
  teach(scene, headersOf);
  const a = ask(scene, headersOf(100));
  const egress = send(scene, headersOf(100));
  assert.deepEqual(tiersOf(scene, [[egress, a]]), [null]);
});

test('a request whose connection held two candidates may still be linked by its identifier', () => {
  const scene = new Scene();
  const headers = { 'x-request-id': 'request-a' };
  const a = ask(scene, headers);
  const upstream = connection({ process: ENVOY, role: 'client' });
  const cause = causeOf(a, { isAmbiguous: true, kind: 'haproxy' });
  const egress = exchange({ connection: upstream, role: 'client', headers, cause });
  scene.request(egress);
  assert.deepEqual(tiersOf(scene, [[egress, a]]), ['identifier']);
});

test('an identifier of another process links nothing', () => {
  const scene = new Scene();
  const headers = { 'x-request-id': 'request-a' };
  const elsewhere = connection({ process: process(200, 'api'), role: 'server' });
  const b = scene.request(exchange({ connection: elsewhere, role: 'server', headers }));
  ask(scene, {});
  const egress = send(scene, headers);
  for (const each of [egress, b]) scene.respond(each);
  assert.ok(scene.spans().some((span) => span.isClient && isUnlinked(span)));
});

test('values are remembered within bounds', () => {
  const scene = new Scene();
  teach(scene, (n) => ({ 'x-request-id': `request-${n}` }), 20_000);
  assert.ok(scene.counters.get('link.identifiers_forgotten') > 0);
  const old = ask(scene, { 'x-request-id': 'request-0' });
  const egress = send(scene, { 'x-request-id': 'request-0' });
  assert.deepEqual(tiersOf(scene, [[egress, old]]), ['identifier']);
});

test('of header names beyond the limit none is judged', () => {
  const scene = new Scene();
  teach(
    scene,
    (n) => Object.fromEntries([0, 1].map((i) => [`X-${n}-${i}`, `a-long-value-${n}-${i}`])),
    200,
  );
  assert.ok(scene.counters.get('link.names_ignored') > 0);
});

test('when all requests were answered no value is held', () => {
  const identifiers = new Identifiers(new Counters());
  const scene = new Scene();
  const both = { 'x-request-id': 'same-request', 'x-correlation-id': 'same-request' };
  const nodes = [ask(scene, both), ask(scene, both), ask(scene, { b3: 'another-value' })].map(
    (each) => each.link as LinkNode,
  );
  for (const node of nodes) identifiers.add(node);
  assert.equal(identifiers.size, 2);
  for (const node of nodes) identifiers.remove(node.exchange?.request.bytes ?? Buffer.alloc(0));
  assert.equal(identifiers.size, 0);
});
