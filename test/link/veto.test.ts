import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cause } from '../../src/protocol/types.ts';
import {
  connection,
  type ExchangeOptions,
  exchange,
  type LooseExchange,
  process,
} from './builders.ts';
import { causeOf, Scene } from './scene.ts';

const PROXY = process(100, 'proxy');

function ask(scene: Scene, changes: Partial<ExchangeOptions> = {}): LooseExchange {
  const socket = connection({ process: PROXY, role: 'server' });
  return scene.request(exchange({ connection: socket, role: 'server', ...changes }));
}

function sendFor(
  scene: Scene,
  ingress: LooseExchange,
  changes: Partial<ExchangeOptions> = {},
  cause: Partial<Cause> = {},
): LooseExchange {
  const socket = connection({ process: PROXY, role: 'client' });
  const state = causeOf(ingress, cause);
  return scene.request(exchange({ connection: socket, role: 'client', cause: state, ...changes }));
}

/**
 * Whether this egress would be refused as the consequence of `from`, while another request that is
 * just like it is in progress.
 */
function isRefused(
  from: Partial<ExchangeOptions>,
  to: Partial<ExchangeOptions>,
  cause: Partial<Cause> = { kind: 'haproxy' },
): boolean {
  const scene = new Scene();
  const ingress = ask(scene, from);
  const other = ask(scene, to);
  const egress = sendFor(scene, ingress, to, cause);
  for (const each of [egress, ingress, other]) scene.respond(each);
  const contradictions = scene.counters.get('link.contradiction');
  const client = scene.spans().find((span) => span.isClient);
  assert.equal(client?.tier, contradictions === 1 ? 'none' : 'exact.state');
  assert.equal(scene.counters.get('unlinked.contradiction'), contradictions);
  return contradictions === 1;
}

const POST_5 = { method: 'POST', headers: { 'Content-Length': '5' } };
const POST_6 = { method: 'POST', headers: { 'content-length': '6' } };

test('another method, which another request has, is a contradiction', () => {
  assert.equal(isRefused({ method: 'GET' }, { method: 'POST' }), true);
  assert.equal(isRefused({ method: 'POST' }, { method: 'GET' }), true);
  assert.equal(isRefused({ method: 'GET' }, { method: 'GET' }), false);
});

test('documented changes of the method are none', () => {
  const subrequest = { kind: 'nginx', isSubrequest: true } as const;
  assert.equal(isRefused({ method: 'POST' }, { method: 'GET' }, subrequest), false);
  assert.equal(isRefused({ method: 'HEAD' }, { method: 'GET' }), false);
  assert.equal(isRefused({ method: 'POST' }, { method: 'GET' }, { kind: 'nginx' }), false);
  assert.equal(isRefused({ method: 'POST' }, { method: 'PUT' }, { kind: 'nginx' }), true);
  assert.equal(isRefused({ method: 'POST' }, { method: 'GET' }, { kind: 'go' }), false);
});

test('another body length, which another request has, is a contradiction', () => {
  assert.equal(isRefused(POST_5, POST_6), true);
  assert.equal(isRefused(POST_5, POST_5), false);
  assert.equal(isRefused(POST_5, POST_6, { kind: 'go' }), false);
});

test('a body whose length one side does not say contradicts nothing', () => {
  const chunked = { method: 'POST', headers: { 'Transfer-Encoding': 'chunked' } };
  assert.equal(isRefused(POST_5, chunked), false);
  assert.equal(isRefused(chunked, POST_5), false);
});

/** Requests that a proxy sends on as `to`, several at a time. */
function rewritten(
  scene: Scene,
  from: Partial<ExchangeOptions>,
  to: Partial<ExchangeOptions>,
): void {
  for (let round = 0; round < 5; round++) {
    const asked = Array.from({ length: 10 }, () => ask(scene, from));
    const sent = asked.map((ingress) => sendFor(scene, ingress, to, { kind: 'haproxy' }));
    for (const each of [...sent, ...asked]) scene.respond(each);
  }
}

for (const [what, from, to] of [
  ['the method', { method: 'GET' }, { method: 'POST' }],
  ['the body', POST_5, POST_6],
  ['the method and the target', { method: 'GET', target: '/a' }, { method: 'PUT', target: '/b' }],
] as const) {
  test(`a proxy that rewrites ${what} of every request is linked by its state`, () => {
    const scene = new Scene();
    rewritten(scene, from, to);
    const egress = scene.spans().filter((span) => span.isClient);
    assert.equal(egress.length, 50);
    assert(egress.every(({ tier }) => tier === 'exact.state'));
    assert.equal(scene.counters.get('link.rewritten'), 50);
    assert.equal(scene.counters.get('link.tier_disabled'), 0);
  });
}

test('a proxy known to rewrite is not taken for wrong when somebody asks for just that', () => {
  const scene = new Scene();
  const [from, to] = [{ method: 'GET' }, { method: 'POST' }];
  rewritten(scene, from, to);
  ask(scene, to);
  rewritten(scene, from, to);
  assert.equal(scene.counters.get('link.contradiction'), 0);
});

test('an identifier that another open request came with refutes a link', () => {
  const scene = new Scene();
  const a = ask(scene, { headers: { 'x-request-id': 'request-a' } });
  ask(scene, { headers: { 'x-request-id': 'request-b' } });
  sendFor(scene, a, { headers: { 'x-request-id': 'request-b' } });
  assert.equal(scene.counters.get('link.contradiction'), 1);
});

test('an identifier that the proxy made up refutes nothing', () => {
  const scene = new Scene();
  const a = ask(scene, { headers: { 'x-request-id': 'request-a' } });
  ask(scene, { headers: { 'x-request-id': 'request-b' } });
  sendFor(scene, a, { headers: { 'x-request-id': 'request-c' } });
  assert.equal(scene.counters.get('link.contradiction'), 0);
});

function hops(scene: Scene, count: number, changes: Partial<ExchangeOptions> = {}): void {
  for (let i = 0; i < count; i++) {
    const ingress = ask(scene, { startNs: 1e6 });
    const other = ask(scene, { startNs: 1e6, ...changes });
    const egress = sendFor(scene, ingress, changes, { kind: 'haproxy' });
    for (const each of [egress, ingress, other]) scene.respond(each);
  }
}

test('contradictions beyond one in a thousand switch the tier off for that process', () => {
  const scene = new Scene();
  hops(scene, 100);
  hops(scene, 5, { method: 'PUT' });
  assert.equal(scene.counters.get('link.tier_disabled'), 1);
  assert.match(scene.log[0], /proxy \(pid 100\): exact\.state/);
  hops(scene, 10);
  const tiers = scene
    .spans()
    .filter((span) => span.isClient)
    .map((span) => span.tier);
  assert.deepEqual(tiers.slice(105), Array(10).fill('none'));
  assert.equal(scene.counters.get('unlinked.no_signal'), 10);
});

test('rare contradictions are refused one by one and change nothing else', () => {
  const scene = new Scene();
  hops(scene, 8000);
  hops(scene, 7, { method: 'PUT' });
  assert.equal(scene.counters.get('link.tier_disabled'), 0);
  hops(scene, 10);
  assert.equal(scene.counters.get('link.contradiction'), 7);
  assert.equal(scene.spans().filter((span) => span.tier === 'exact.state').length, 8010);
});

test('contradictions of earlier minutes do not add up', () => {
  const scene = new Scene();
  for (let minute = 0; minute < 10; minute++)
    hops(scene, 1, { method: 'PUT', startNs: (minute + 1) * 61e9 });
  assert.equal(scene.counters.get('link.tier_disabled'), 0);
});
