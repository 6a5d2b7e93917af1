import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unseenClose } from '../../src/capture/connections.ts';
import type { Connection } from '../../src/capture/types.ts';
import { FLAG } from '../../src/handoff/layout.ts';
import {
  connection,
  type ExchangeOptions,
  endpoint,
  exchange,
  type LooseExchange,
  process,
} from './builders.ts';
import { causeOf, isUnlinked, Scene, tree } from './scene.ts';

const NGINX = process(100, 'nginx');

function ingressOf(changes: Partial<ExchangeOptions> = {}): LooseExchange {
  const socket = connection({ process: NGINX, role: 'server' });
  return exchange({ connection: socket, role: 'server', startNs: 1e6, ...changes });
}

function egressFor(ingress: LooseExchange, changes: Partial<ExchangeOptions> = {}): LooseExchange {
  const socket = connection({ process: ingress.connection.process, role: 'client' });
  const cause = causeOf(ingress);
  return exchange({ connection: socket, role: 'client', startNs: 2e6, cause, ...changes });
}

test('a retry is a sibling with a resend count', () => {
  const scene = new Scene();
  const ingress = scene.request(ingressOf());
  for (const [i, status] of [502, 504, 200].entries()) {
    const attempt = egressFor(ingress, { startNs: (2 + 2 * i) * 1e6 });
    scene.respond(scene.request(attempt), (3 + 2 * i) * 1e6, status);
  }
  scene.respond(ingress, 9e6);
  const [server, ...attempts] = scene.spans();
  assert.deepEqual(
    attempts.map((span) => [span.resendCount, span.status]),
    [
      [0, 502],
      [1, 504],
      [2, 200],
    ],
  );
  assert.ok(attempts.every((span) => span.parentSpanId === server.spanId));
  assert.equal(server.ownNs, 8e6 - 3e6);
});

test('an attempt whose connection was closed before an answer is resent, too', () => {
  const scene = new Scene();
  const ingress = scene.request(ingressOf());
  const first = scene.request(egressFor(ingress));
  Object.assign(first, { end: 'closed', endNs: 3e6 });
  scene.end(first);
  scene.respond(scene.request(egressFor(ingress, { startNs: 4e6 })), 5e6);
  scene.respond(ingress, 6e6);
  assert.deepEqual(
    scene.spans().map((span) => span.resendCount),
    [0, 0, 1],
  );
});

test('the same request after a success, or another request after a failure, is no resend', () => {
  const scene = new Scene();
  const ingress = scene.request(ingressOf());
  const targets = ['/', '/', '/other'] as const;
  for (const [i, target] of targets.entries()) {
    const each = egressFor(ingress, { startNs: (2 + 2 * i) * 1e6, target });
    scene.respond(scene.request(each), (3 + 2 * i) * 1e6, i === 1 ? 502 : 200);
  }
  scene.respond(ingress, 9e6);
  assert.ok(scene.spans().every((span) => span.resendCount === 0));
});

test('an auth subrequest is a sibling with a flag and no resend', () => {
  const scene = new Scene();
  const ingress = scene.request(ingressOf({ method: 'POST', target: '/a' }));
  const cause = causeOf(ingress, { isSubrequest: true });
  const auth = egressFor(ingress, { method: 'GET', target: '/auth', cause });
  scene.respond(scene.request(auth), 3e6, 401);
  const main = egressFor(ingress, { method: 'POST', target: '/a', startNs: 4e6 });
  scene.respond(scene.request(main), 5e6);
  scene.respond(ingress, 6e6);
  const [server, first, second] = scene.spans();
  assert.ok((first.flags & FLAG.subrequest) !== 0);
  assert.ok((second.flags & FLAG.subrequest) === 0);
  assert.deepEqual([first.parentSpanId, second.parentSpanId], [server.spanId, server.spanId]);
  assert.equal(second.resendCount, 0);
  assert.equal(scene.counters.get('link.subrequest'), 1);
});

test('a mirror that starts after the response still belongs to its request', () => {
  const scene = new Scene();
  const ingress = scene.request(ingressOf());
  scene.respond(ingress, 3e6);
  const after = { readPosition: ingress.requestHeadEndPosition, writePosition: 100 };
  const cause = causeOf(ingress, { isSubrequest: true, ...after });
  scene.respond(scene.request(egressFor(ingress, { cause, startNs: 4e6 })), 5e6);
  const [server, mirror] = scene.spans();
  assert.equal(mirror.parentSpanId, server.spanId);
  assert.equal(scene.counters.get('link.late'), 1);
});

test('a mirror is not given to a pipelined request that was read before the response', () => {
  const scene = new Scene();
  const first = scene.request(ingressOf());
  const socket = first.connection;
  const second = scene.request(
    ingressOf({ connection: socket, ordinal: 2, requestStart: 18, responseStart: 100 }),
  );
  scene.respond(first, 3e6);
  const cause = causeOf(second, { isSubrequest: true });
  scene.respond(scene.request(egressFor(first, { cause })), 5e6);
  assert.equal(scene.allSpans().filter((span) => span.parentSpanId !== '').length, 0);
  assert.equal(scene.counters.get('unlinked.several'), 1);
});

test('a health check has no parent and is not unlinked', () => {
  const scene = new Scene();
  const ingress = scene.request(ingressOf());
  const cause = causeOf(ingress, { isNoIngress: true });
  scene.respond(scene.request(egressFor(ingress, { cause })));
  const [check] = scene.spans();
  assert.equal(check.parentSpanId, '');
  assert.equal(check.flags & (FLAG.ownRequest | FLAG.unlinked), FLAG.ownRequest);
  assert.equal(scene.counters.get('link.own_request'), 1);
});

test('an egress whose ingress the settings exclude has no parent, waits for none and lacks none', () => {
  const scene = new Scene();
  const ingress = ingressOf();
  const excluded = { isIngressExcluded: true, connectionId: 0 };
  scene.respond(scene.request(egressFor(ingress, { cause: causeOf(ingress, excluded) })));
  const [span] = scene.spans();
  assert.equal(span.parentSpanId, '');
  assert.equal(isUnlinked(span), false);
  assert.equal(scene.counters.get('link.ingress_excluded'), 1);
  assert.equal(scene.counters.total('unlinked'), 0);
});

test('with ingress excluded, egress of a program that has served is not unlinked', () => {
  const scene = new Scene();
  const ingress = scene.request(ingressOf());
  scene.respond(ingress);
  scene.linker.setIngressExcluded(true);
  scene.respond(scene.request(egressFor(ingress, { cause: null })));
  const [, span] = scene.allSpans();
  assert.equal(isUnlinked(span), false);
  assert.equal(scene.counters.get('link.ingress_excluded'), 1);
  scene.linker.setIngressExcluded(false);
  scene.respond(scene.request(egressFor(ingress, { cause: null })));
  assert.equal(scene.counters.get('unlinked.no_signal'), 1);
});

test('rows of a hop stand together although other exchanges end between them', () => {
  const scene = new Scene();
  const hops = Array.from({ length: 3 }, () => scene.request(ingressOf()));
  const egress = hops.map((each) => scene.request(egressFor(each)));
  for (const each of egress) scene.respond(each);
  for (const each of hops.toReversed()) scene.respond(each);
  assert.deepEqual(
    scene.spans().map((span) => [span.hop, span.isClient]),
    [
      [1, false],
      [1, true],
      [2, false],
      [2, true],
      [3, false],
      [3, true],
    ],
  );
});

test('an egress that outlives its ingress is waited for and then handed on with its parent', () => {
  const scene = new Scene({ limits: { hopWaitMs: 100 } });
  const ingress = scene.request(ingressOf());
  const egress = scene.request(egressFor(ingress));
  scene.respond(ingress, 10e6);
  scene.linker.tick(50e6);
  assert.equal(scene.spans().length, 0);
  scene.linker.tick(120e6);
  const [server] = scene.spans();
  assert.equal(server.ownNs, -1);
  scene.respond(egress, 200e6);
  const [, client] = scene.spans();
  assert.equal(client.parentSpanId, server.spanId);
  assert.equal(client.hop, server.hop);
  assert.equal(scene.counters.get('link.late'), 1);
});

test('an egress of a stream that goes on is handed on alone, later attempts still count', () => {
  const scene = new Scene({ limits: { egressWaitMs: 1000 } });
  const ingress = scene.request(ingressOf());
  scene.respond(scene.request(egressFor(ingress)), 3e6, 502);
  scene.linker.tick(2000e6);
  const [first] = scene.spans();
  assert.ok(first.isClient && first.parentSpanId !== '');
  scene.respond(scene.request(egressFor(ingress, { startNs: 2100e6 })), 2200e6);
  scene.respond(ingress, 3000e6);
  const [, server, second] = scene.spans();
  assert.equal(first.parentSpanId, server.spanId);
  assert.equal(second.resendCount, 1);
  assert.equal(server.ownNs, 2999e6 - 1e6 - 100e6);
});

test('an ingress that goes on for long forgets old egress but keeps their parent', () => {
  const scene = new Scene({ limits: { egressWaitMs: 10 } });
  const ingress = scene.request(ingressOf());
  for (let i = 1; i <= 100; i++) {
    scene.respond(scene.request(egressFor(ingress, { startNs: i * 100e6 })), i * 100e6 + 1e6);
    scene.linker.tick(i * 100e6 + 50e6);
  }
  scene.respond(ingress, 20e9);
  const spans = scene.spans();
  const server = spans.at(-1);
  assert.equal(spans.length, 101);
  assert.equal(spans.filter((span) => span.parentSpanId === server?.spanId).length, 100);
  assert.equal(server?.ownNs, -1);
});

test('a Go ingress lingers for an egress whose write returns after the answer', () => {
  const scene = new Scene();
  const caddy = process(300, 'caddy');
  scene.linker.setFamily(300, 'go');
  const request = () => {
    const socket = connection({ process: caddy, role: 'server' });
    return scene.request(exchange({ connection: socket, role: 'server', startNs: 1e6 }));
  };
  const normal = request();
  scene.respond(scene.request(egressFor(normal)));
  scene.respond(normal);
  const late = request();
  scene.respond(late, 10e6);
  assert.equal(scene.spans().length, 2);
  scene.respond(scene.request(egressFor(late)), 9e6);
  assert.deepEqual(tree(scene.spans().slice(2)), [
    'caddy SERVER GET / none',
    '  caddy CLIENT GET / exact.state',
  ]);
  const alone = request();
  scene.respond(alone, 10e6);
  scene.linker.tick(61e6);
  assert.equal(scene.spans().length, 5);
  assert.equal(scene.counters.get('link.late'), 0);
});

test('beyond the limit the oldest hop goes as it is when it ended', () => {
  const scene = new Scene({ limits: { openExchangesMax: 4 } });
  const ingress = scene.request(ingressOf());
  scene.request(egressFor(ingress));
  scene.respond(ingress);
  for (let i = 0; i < 3; i++) scene.request(ingressOf());
  assert.deepEqual(tree(scene.spans()), ['nginx SERVER GET / none']);
  assert.equal(scene.counters.get('dropped.exchanges'), 0);
});

test('beyond the limit the oldest hop is dropped as a whole while it goes on', () => {
  const scene = new Scene({ limits: { openExchangesMax: 4 } });
  const ingress = scene.request(ingressOf());
  const done = scene.request(egressFor(ingress));
  scene.respond(done);
  const open = scene.request(egressFor(ingress));
  for (let i = 0; i < 2; i++) scene.request(ingressOf());
  assert.equal(scene.counters.get('dropped.exchanges'), 3);
  const late = scene.request(egressFor(ingress));
  for (const each of [open, late, ingress]) scene.respond(each);
  assert.equal(scene.counters.get('dropped.exchanges'), 4);
  assert.equal(scene.spans().length, 0);
  assert.ok(scene.linker.held <= 4);
});

test('at the end everything that ended is handed on and the rest is counted', () => {
  const scene = new Scene();
  const ingress = scene.request(ingressOf());
  scene.respond(scene.request(egressFor(ingress)));
  assert.equal(scene.allSpans().length, 1);
  assert.equal(scene.counters.get('dropped.exchanges'), 1);
  assert.equal(scene.linker.held, 0);
});

test('a process is announced once, before its first row, and again after exec', () => {
  const scene = new Scene();
  for (let i = 0; i < 3; i++) scene.respond(scene.request(ingressOf()));
  scene.spans();
  assert.deepEqual(scene.processes, [{ index: 0, tgid: 100, startNs: 100_000, comm: 'nginx' }]);
  const identity = { tgid: 100, startNs: 100_000, comm: 'other' };
  scene.linker.process({ timeNs: 0, parentTgid: 1, action: 'exec', ...identity });
  const socket = connection({ process: identity, role: 'server' });
  scene.respond(scene.request(ingressOf({ connection: socket })));
  assert.equal(scene.spans().at(-1)?.process, 'other');
});

test('a process that was introduced after its first exchange stays one process', () => {
  const scene = new Scene();
  const known = process(100, 'nginx');
  const stranger = { tgid: 100, startNs: 0, comm: '' };
  const ingress = scene.request(
    ingressOf({ connection: connection({ process: stranger, role: 'server' }) }),
  );
  const egress = egressFor(ingress, { connection: connection({ process: known, role: 'client' }) });
  scene.respond(scene.request(egress));
  scene.respond(ingress);
  assert.equal(scene.counters.get('link.exact_state'), 1);
  assert.deepEqual(
    scene.spans().map((span) => span.process),
    ['nginx', 'nginx'],
  );
});

const AGENT = process(999, 'spantap');

function pair(client: typeof AGENT, server: typeof AGENT, port: number): [Connection, Connection] {
  const near = endpoint(`127.0.0.1:${port}`);
  const far = endpoint('127.0.0.1:4318');
  return [
    connection({ process: client, role: 'client', local: near, remote: far }),
    connection({ process: server, role: 'server', local: far, remote: near }),
  ];
}

test("the agent's own requests, their other ends and what those cause leave no spans", () => {
  const scene = new Scene({ ownTgid: 999 });
  const [own, collector] = pair(AGENT, process(400, 'collector'), 41_000);
  scene.open(own, collector);
  assert.deepEqual(
    scene.ownPeers.map((peer) => peer.process.tgid),
    [400],
  );
  const post = { method: 'POST', target: '/v1/traces' } as const;
  const sent = scene.request(exchange({ connection: own, role: 'client', ...post }));
  const received = scene.request(exchange({ connection: collector, role: 'server', ...post }));
  const passedOn = scene.request(egressFor(received, { method: 'POST', target: '/v1/traces' }));
  for (const each of [passedOn, received, sent]) scene.respond(each);
  assert.equal(scene.spans().length, 0);
  assert.equal(scene.counters.get('link.own_traffic'), 3);
  assert.equal(scene.counters.total('dropped'), 0);
});

test('batches leave by themselves when they are full', () => {
  const scene = new Scene();
  for (let i = 0; i < 1100; i++) scene.respond(scene.request(ingressOf()));
  assert.deepEqual(
    scene.batches.map((batch) => batch.count),
    [512, 512],
  );
});

test('connections are forgotten a while after they closed', () => {
  const scene = new Scene({ limits: { linkWaitMs: 100 } });
  for (let i = 0; i < 50; i++) {
    const ingress = scene.request(ingressOf());
    scene.respond(ingress);
    const { id } = ingress.connection;
    scene.linker.close(ingress.connection, unseenClose(id, i * 10e6));
  }
  scene.linker.tick(500e6);
  assert.equal(scene.linker.connections, 9);
  scene.linker.tick(700e6);
  assert.equal(scene.linker.connections, 0);
});
