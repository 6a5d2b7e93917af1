import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cause } from '../../src/protocol/types.ts';
import type { CounterName } from '../../src/telemetry/counters.ts';
import {
  connection,
  exchange,
  process,
  RESPONSE_BYTES,
  requestData,
  responseData,
} from './builders.ts';
import { causeOf, isUnlinked, Scene } from './scene.ts';

const NGINX = process(100, 'nginx');

function ingressOn(client = connection({ process: NGINX, role: 'server' }), ordinal = 1) {
  const requestStart = (ordinal - 1) * 18;
  const responseStart = (ordinal - 1) * RESPONSE_BYTES;
  const startNs = ordinal * 20e6;
  const options = { ordinal, requestStart, responseStart, startNs };
  return exchange({ connection: client, role: 'server', ...options });
}

function egressOf(cause: Cause | null, startNs = 21e6) {
  const upstream = connection({ process: NGINX, role: 'client' });
  return exchange({ connection: upstream, role: 'client', cause, startNs });
}

/** The one unlinked reason of a scene whose last egress must not be linked. */
function reasonOf(scene: Scene): CounterName | undefined {
  const spans = scene.allSpans();
  const egress = spans.filter((span) => span.isClient && isUnlinked(span));
  assert.equal(egress.length, 1);
  assert.equal(egress[0].parentSpanId, '');
  assert.equal(egress[0].tier, 'none');
  assert.equal(scene.counters.total('unlinked'), 1);
  const names = Object.keys(UNLINKED) as (keyof typeof UNLINKED)[];
  return names.find((name) => scene.counters.get(name) === 1);
}

const UNLINKED = {
  'unlinked.ambiguous': 0,
  'unlinked.no_ingress': 0,
  'unlinked.several': 0,
  'unlinked.gap': 0,
  'unlinked.forgotten': 0,
  'unlinked.unseen': 0,
  'unlinked.other_process': 0,
  'unlinked.contradiction': 0,
  'unlinked.no_signal': 0,
};

test('an egress becomes the child of the ingress that program state names', () => {
  const scene = new Scene();
  const ingress = scene.request(ingressOn());
  const egress = scene.request(egressOf(causeOf(ingress)));
  scene.respond(egress, 25e6);
  scene.respond(ingress, 26e6);
  const [server, client] = scene.spans();
  assert.equal(server.isClient, false);
  assert.equal(client.isClient, true);
  assert.equal(client.parentSpanId, server.spanId);
  assert.equal(client.traceId, server.traceId);
  assert.equal(client.hop, server.hop);
  assert.deepEqual([client.tier, client.confidence], ['exact.state', 1]);
  assert.equal(scene.counters.get('link.exact_state'), 1);
  assert.equal(server.ownNs, 6e6 - 4e6);
  assert.equal(scene.linker.held, 0);
});

test('on a reused connection the exchange in progress is chosen', () => {
  const scene = new Scene();
  const client = connection({ process: NGINX, role: 'server' });
  for (const ordinal of [1, 2, 3]) {
    const ingress = scene.request(ingressOn(client, ordinal));
    const egress = scene.request(egressOf(causeOf(ingress)));
    scene.respond(egress, ordinal * 20e6 + 5e6);
    scene.respond(ingress, ordinal * 20e6 + 6e6);
  }
  const spans = scene.spans();
  assert.equal(spans.length, 6);
  for (let i = 0; i < 6; i += 2) assert.equal(spans[i + 1].parentSpanId, spans[i].spanId);
  assert.deepEqual(new Set(spans.map((span) => span.traceId)).size, 3);
});

test('two identical requests at once are told apart', () => {
  const scene = new Scene();
  const a = scene.request(ingressOn());
  const b = scene.request(ingressOn());
  const toB = scene.request(egressOf(causeOf(b)));
  const toA = scene.request(egressOf(causeOf(a)));
  for (const each of [toA, toB, a, b]) scene.respond(each);
  const spans = scene.spans();
  const spanOf = (id: number) => spans.find((span) => span.connectionId === id);
  assert.equal(spanOf(toA.connection.id)?.parentSpanId, spanOf(a.connection.id)?.spanId);
  assert.equal(spanOf(toB.connection.id)?.parentSpanId, spanOf(b.connection.id)?.spanId);
});

test('state that names two owners is not used', () => {
  const scene = new Scene();
  const ingress = scene.request(ingressOn());
  scene.respond(scene.request(egressOf(causeOf(ingress, { isAmbiguous: true }))));
  scene.respond(ingress, 26e6);
  assert.equal(reasonOf(scene), 'unlinked.ambiguous');
});

test('a state after the response was complete links nothing', () => {
  const scene = new Scene();
  const ingress = scene.request(ingressOn());
  scene.respond(ingress, 26e6);
  const late = causeOf(ingress, { writePosition: RESPONSE_BYTES });
  scene.respond(scene.request(egressOf(late)));
  assert.equal(reasonOf(scene), 'unlinked.no_ingress');
});

/** Requests that one read brought; answered ones are followed by those in progress. */
function pipelined(scene: Scene, count: number, answered = 0) {
  const client = connection({ process: NGINX, role: 'server' });
  const all = Array.from({ length: count }, (_, n) => scene.request(ingressOn(client, n + 1)));
  for (const each of all.slice(0, answered)) scene.respond(each, 200e6);
  return all;
}

/** State while the first of them that is not answered is worked on. */
function causeInLine(all: ReturnType<typeof pipelined>, answered: number, changes = {}): Cause {
  const readPosition = all[all.length - 1].requestHeadEndPosition;
  return causeOf(all[0], { readPosition, writePosition: answered * RESPONSE_BYTES, ...changes });
}

for (const answered of [0, 1, 2]) {
  test(`of pipelined requests nginx works on the next one (${answered} answered)`, () => {
    const scene = new Scene();
    const all = pipelined(scene, 4, answered);
    const egress = scene.request(egressOf(causeInLine(all, answered), 210e6));
    for (const each of [egress, ...all.slice(answered)]) scene.respond(each, 220e6);
    const spans = scene.allSpans();
    const parent = spans.find(
      ({ spanId }) => spanId === spans.find((s) => s.isClient)?.parentSpanId,
    );
    assert.equal(parent?.ordinal, answered + 1);
    assert.equal(scene.counters.get('link.exact_state'), 1);
  });
}

test('of pipelined requests none is chosen when it is not sure which comes next', () => {
  for (const [why, changes] of [
    ['another program may read on while it answers', { kind: 'haproxy' }],
    ['a subrequest may belong to the one before', { isSubrequest: true }],
    ['a response has begun', { writePosition: RESPONSE_BYTES + 5 }],
  ] as const) {
    const scene = new Scene();
    const all = pipelined(scene, 3, 1);
    const begun = { connection: all[0].connection, role: 'server' } as const;
    scene.linker.data(begun.connection, responseData(all[1], 205e6));
    scene.respond(scene.request(egressOf(causeInLine(all, 1, changes), 210e6)), 220e6);
    assert.equal(reasonOf(scene), 'unlinked.several', why);
  }
});

test('of pipelined requests none is chosen for an egress with another target', () => {
  const scene = new Scene();
  const all = pipelined(scene, 3);
  const upstream = connection({ process: NGINX, role: 'client' });
  const cause = causeInLine(all, 0);
  const egress = exchange({ connection: upstream, role: 'client', cause, target: '/after' });
  scene.respond(scene.request(egress), 220e6);
  assert.equal(reasonOf(scene), 'unlinked.several');
});

for (const left of [1, 2]) {
  test(`a pipelined request that was dropped is not taken for the next one (${left} left)`, () => {
    const scene = new Scene();
    const client = connection({ process: NGINX, role: 'server' });
    const first = scene.request(ingressOn(client, 1));
    // The second has no exchange, its bytes were seen.
    scene.linker.data(client, requestData(ingressOn(client, 2)));
    const rest = [3, 4].slice(0, left).map((n) => scene.request(ingressOn(client, n)));
    scene.respond(first, 200e6);
    const all = [first, ...rest];
    scene.respond(scene.request(egressOf(causeInLine(all, 1), 210e6)), 220e6);
    assert.equal(reasonOf(scene), 'unlinked.several');
  });
}

test('after bytes of the ingress connection were lost nothing is linked until one exchange is whole', () => {
  const scene = new Scene();
  const client = connection({ process: NGINX, role: 'server' });
  scene.linker.lost(client, 1);
  const first = scene.request(ingressOn(client, 1));
  scene.respond(scene.request(egressOf(causeOf(first))));
  scene.respond(first, 25e6);
  const second = scene.request(ingressOn(client, 2));
  scene.respond(scene.request(egressOf(causeOf(second))));
  scene.respond(second, 45e6);
  assert.equal(reasonOf(scene), 'unlinked.gap');
  assert.equal(scene.counters.get('link.exact_state'), 1);
});

test('a position gap in what was read counts as a possible hidden request', () => {
  const scene = new Scene();
  const ingress = ingressOn();
  const after = exchange({ connection: ingress.connection, role: 'server', requestStart: 1000 });
  scene.request(after);
  scene.respond(scene.request(egressOf(causeOf(after))));
  assert.equal(reasonOf(scene), 'unlinked.gap');
});

test('an exchange that was forgotten while it was open forbids a choice', () => {
  const scene = new Scene();
  const client = connection({ process: NGINX, role: 'server' });
  for (let ordinal = 1; ordinal <= 64; ordinal++) {
    const each = scene.request(ingressOn(client, ordinal));
    each.end = 'closed';
    each.endNs = each.requestStartNs;
    scene.end(each);
  }
  const last = scene.request(ingressOn(client, 65));
  scene.respond(scene.request(egressOf(causeOf(last, { readPosition: 18, writePosition: 0 }))));
  assert.equal(reasonOf(scene), 'unlinked.forgotten');
});

test('the ingress may become known after the egress it caused', () => {
  const scene = new Scene();
  const ingress = ingressOn();
  const egress = scene.request(egressOf(causeOf(ingress)));
  scene.respond(egress, 5e6);
  assert.equal(scene.spans().length, 0);
  scene.request(ingress);
  scene.respond(ingress, 6e6);
  const [server, client] = scene.spans();
  assert.equal(client.parentSpanId, server.spanId);
});

test('an ingress that is never seen is waited for and then given up', () => {
  const scene = new Scene({ limits: { linkWaitMs: 100 } });
  const ingress = ingressOn();
  scene.open(ingress.connection);
  const egress = scene.request(egressOf(causeOf(ingress)));
  scene.respond(egress, 5e6);
  scene.linker.tick(70e6);
  assert.equal(scene.spans().length, 0);
  scene.linker.tick(122e6);
  assert.equal(reasonOf(scene), 'unlinked.unseen');
});

test('a connection of another process is no ingress', () => {
  const scene = new Scene();
  const ingress = scene.request(
    ingressOn(connection({ process: process(200, 'api'), role: 'server' })),
  );
  scene.request(ingressOn());
  scene.respond(scene.request(egressOf(causeOf(ingress))));
  assert.equal(reasonOf(scene), 'unlinked.other_process');
});

/** An egress of HAProxy that no stream asked for, as the probes saw it. */
function healthCheck(hasProbes: boolean): Scene {
  const scene = new Scene();
  scene.linker.setFamily(NGINX.tgid, 'haproxy', hasProbes);
  const ingress = scene.request(ingressOn());
  const cause = causeOf(ingress, { kind: 'haproxy', connectionId: 0, isNoIngress: true });
  scene.respond(scene.request(egressOf(cause)));
  scene.respond(ingress);
  return scene;
}

test('what no stream of HAProxy asked for is its own request', () => {
  const scene = healthCheck(true);
  const [check] = scene.allSpans().filter((span) => span.isClient);
  assert.equal(isUnlinked(check), false);
  assert.equal(check.parentSpanId, '');
  assert.equal(scene.counters.get('link.own_request'), 1);
});

test('without probes their silence proves nothing', () => {
  assert.equal(reasonOf(healthCheck(false)), 'unlinked.no_signal');
});
