import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Family } from '../../src/discover/types.ts';
import {
  connection,
  dataEvent,
  type ExchangeOptions,
  exchange,
  type LooseExchange,
  process,
} from './builders.ts';
import { causeOf, isUnlinked, Scene, type Span } from './scene.ts';

const PROXY = process(100, 'proxy');

/** A scene whose process already sent one egress without state, so that its order is tracked. */
function sceneOf(family: Family): Scene {
  const scene = new Scene();
  scene.linker.setFamily(100, family);
  const served = ask(scene, { tid: 1 });
  const first = exchange({
    connection: connection({ process: PROXY, role: 'client' }),
    role: 'client',
    target: '/first',
  });
  for (const each of [scene.request(first), served]) scene.respond(each);
  return scene;
}

/** A client request; every one has a connection of its own. */
function ask(scene: Scene, changes: Partial<ExchangeOptions> = {}): LooseExchange {
  const socket = connection({ process: PROXY, role: 'server' });
  scene.open(socket);
  return scene.request(exchange({ connection: socket, role: 'server', target: '/x', ...changes }));
}

/** An upstream connection that was used before, so that it has no binding from its connect. */
function pooled(): ReturnType<typeof connection> {
  return connection({ process: PROXY, role: 'client', startSeen: false });
}

function send(scene: Scene, changes: Partial<ExchangeOptions> = {}): LooseExchange {
  const options = { connection: pooled(), target: '/x', ordinal: 0, ...changes };
  return scene.request(exchange({ ...options, role: 'client' }));
}

function spanOf(spans: readonly Span[], of: LooseExchange): Span {
  const found = spans.find((span) => span.connectionId === of.connection.id);
  assert.ok(found !== undefined);
  return found;
}

function assertLinked(scene: Scene, egress: LooseExchange, ingress: LooseExchange): void {
  const spans = scene.allSpans();
  const span = spanOf(spans, egress);
  assert.equal(span.parentSpanId, spanOf(spans, ingress).spanId);
  assert.equal(span.tier, 'exact.order');
  assert.ok(scene.counters.get('link.exact_order') > 0);
  assert.ok(span.confidence < 1 && span.confidence >= 0.9);
}

function assertUnlinked(scene: Scene, egress: LooseExchange): void {
  const span = spanOf(scene.allSpans(), egress);
  assert.equal(span.parentSpanId, '');
  assert.ok(isUnlinked(span));
}

test('nginx: a request sent after a client read, on a reused connection, belongs to that client', () => {
  const scene = sceneOf('nginx');
  const a = ask(scene);
  const toA = send(scene);
  const b = ask(scene);
  const toB = send(scene);
  for (const each of [toB, toA, b, a]) scene.respond(each);
  assertLinked(scene, toA, a);
  assertLinked(scene, toB, b);
});

test('nginx: a new connection carries the request that it was connected for', () => {
  const scene = sceneOf('nginx');
  const upstreams = [0, 1].map(() => connection({ process: PROXY, role: 'client' }));
  const clients = [ask(scene), ask(scene)];
  for (const [i, upstream] of upstreams.entries()) {
    scene.linker.data(clients[i].connection, endOfBody(clients[i]));
    scene.open(upstream);
  }
  scene.open(connection({ process: PROXY, role: 'server' }));
  const sent = [1, 0].map((i) => send(scene, { connection: upstreams[i] }));
  for (const each of [...sent, ...clients]) scene.respond(each);
  assertLinked(scene, sent[0], clients[1]);
  assertLinked(scene, sent[1], clients[0]);
});

test('nginx: a new connection whose connect was not seen is not linked', () => {
  const scene = sceneOf('nginx');
  const a = ask(scene);
  const upstream = connection({ process: PROXY, role: 'client' });
  scene.open(upstream);
  const egress = send(scene, { connection: upstream });
  for (const each of [egress, a]) scene.respond(each);
  assertUnlinked(scene, egress);
});

function endOfBody(of: LooseExchange) {
  return dataEvent(of.connection, {
    isWrite: false,
    position: of.requestHeadEndPosition,
    lenBytes: 0,
  });
}

test('nginx: a retry belongs to the request whose upstream answered last', () => {
  const scene = sceneOf('nginx');
  const a = ask(scene);
  const first = send(scene);
  const b = ask(scene);
  const other = send(scene);
  scene.respond(first, 5e6, 502);
  const again = send(scene, { startNs: 6e6 });
  for (const each of [again, other, a, b]) scene.respond(each);
  assertLinked(scene, again, a);
});

test('nginx: while a request waits for a timer nothing like it is linked', () => {
  const scene = sceneOf('nginx');
  const parked = ask(scene);
  const b = ask(scene);
  const egress = send(scene);
  for (const each of [egress, parked, b]) scene.respond(each);
  assertUnlinked(scene, egress);
});

test('nginx: a request that has an egress in progress is not given another', () => {
  const scene = sceneOf('nginx');
  const a = ask(scene);
  const first = send(scene);
  const second = send(scene);
  for (const each of [first, second, a]) scene.respond(each);
  assertUnlinked(scene, second);
});

test('nginx: another method or another last path segment is not linked', () => {
  for (const changes of [{ method: 'PUT' }, { target: '/y' }]) {
    const scene = sceneOf('nginx');
    const a = ask(scene);
    const egress = send(scene, changes);
    for (const each of [egress, a]) scene.respond(each);
    assertUnlinked(scene, egress);
  }
});

test('nginx: after an accept the thread works on nothing', () => {
  const scene = sceneOf('nginx');
  const a = ask(scene);
  scene.open(connection({ process: PROXY, role: 'server' }));
  const egress = send(scene);
  for (const each of [egress, a]) scene.respond(each);
  assertUnlinked(scene, egress);
});

test('Apache: the thread that read the request sends its egress', () => {
  const scene = sceneOf('apache');
  const a = ask(scene, { tid: 11 });
  const b = ask(scene, { tid: 12 });
  const toA = send(scene, { tid: 11 });
  const toB = send(scene, { tid: 12 });
  const stray = send(scene, { tid: 13 });
  for (const each of [toA, toB, stray, a, b]) scene.respond(each);
  assertLinked(scene, toA, a);
  assertLinked(scene, toB, b);
  assertUnlinked(scene, stray);
});

test('Apache: a thread whose request was answered has none', () => {
  const scene = sceneOf('apache');
  const a = ask(scene, { tid: 11 });
  scene.respond(a);
  const after = send(scene, { tid: 11 });
  scene.respond(after);
  assertUnlinked(scene, after);
});

test('Go: a goroutine that reads a request and writes the next one links them', () => {
  const scene = sceneOf('go');
  const a = ask(scene, { goroutine: 0xc000 });
  const b = ask(scene, { goroutine: 0xc100 });
  const toA = send(scene, { goroutine: 0xc000 });
  const writer = send(scene, { goroutine: 0xc900 });
  for (const each of [toA, writer, a, b]) scene.respond(each);
  assertLinked(scene, toA, a);
  assertUnlinked(scene, writer);
});

test('other programs are not linked by order', () => {
  const scene = sceneOf('other');
  const a = ask(scene);
  const egress = send(scene);
  for (const each of [egress, a]) scene.respond(each);
  assertUnlinked(scene, egress);
});

/** One proxied request with state; `tid` reads and writes. */
function labelled(scene: Scene, tid = 1): void {
  const ingress = ask(scene, { tid });
  const cause = causeOf(ingress, { kind: 'haproxy' });
  scene.respond(send(scene, { tid, cause }));
  scene.respond(ingress);
}

test('HAProxy: order links only after it agreed with program state a thousand times', () => {
  const scene = new Scene();
  scene.linker.setFamily(100, 'haproxy');
  const attempt = () => {
    const ingress = ask(scene, { tid: 1 });
    const egress = send(scene, { tid: 1 });
    for (const each of [egress, ingress]) scene.respond(each);
    return [egress, ingress] as const;
  };
  const [early] = attempt();
  for (let i = 0; i < 1000; i++) labelled(scene);
  const [late, ingress] = attempt();
  assertUnlinked(scene, early);
  assertLinked(scene, late, ingress);
});

test('HAProxy: order that differs from program state starts over and is switched off', () => {
  const scene = new Scene();
  scene.linker.setFamily(100, 'haproxy');
  labelled(scene);
  for (let i = 0; i < 10; i++) {
    const [a, b] = [ask(scene, { tid: 1 }), ask(scene, { tid: 1 })];
    for (const each of [b, a]) {
      const cause = causeOf(each, { kind: 'haproxy' });
      scene.respond(send(scene, { tid: 1, cause }));
    }
    for (const each of [a, b]) scene.respond(each);
  }
  assert.equal(scene.counters.get('link.tier_disabled'), 1);
  assert.match(scene.log[0], /exact\.order/);
  const spans = scene.allSpans();
  assert.equal(spans.filter((span) => span.tier === 'exact.state').length, 21);
});

test('the comparison with program state ends after a while and comes back', () => {
  const scene = new Scene();
  scene.linker.setFamily(100, 'nginx');
  for (let i = 0; i < 1300; i++) labelled(scene);
  const spans = scene.allSpans();
  assert.equal(spans.filter((span) => span.tier === 'exact.state').length, 1300);
  assert.equal(scene.counters.get('link.tier_disabled'), 0);
});

test('Apache: beyond the limit the oldest thread is forgotten and counted', () => {
  const scene = sceneOf('apache');
  const oldest = ask(scene, { tid: 100 });
  for (let tid = 101; tid <= 100 + 16_384; tid++) ask(scene, { tid });
  const egress = send(scene, { tid: 100 });
  for (const each of [egress, oldest]) scene.respond(each);
  assert.ok(scene.counters.get('link.order_forgotten') > 0);
  assertUnlinked(scene, egress);
});

test('HAProxy: a queue longer than the limit is forgotten and counted', () => {
  const scene = new Scene();
  scene.linker.setFamily(100, 'haproxy');
  labelled(scene);
  for (let i = 0; i <= 4096; i++) ask(scene, { tid: 1 });
  assert.equal(scene.counters.get('link.order_forgotten'), 4097);
});
