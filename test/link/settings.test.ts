/** Section `link`: what is switched off links nothing, and nothing else takes its place by guessing. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ALL_SIGNALS, type LinkSettings } from '../../src/link/settings.ts';
import { connection, endpoint, exchange, process } from './builders.ts';
import { causeOf, Scene } from './scene.ts';

const NGINX = process(100, 'nginx');
const API = process(200, 'api');
const ID = { 'x-my-id': 'short-id' };

/** nginx with a program state cause and an unusual header on both sides, and its upstream. */
function run(signals: Partial<LinkSettings>) {
  const scene = new Scene({ signals: { ...ALL_SIGNALS, ...signals } });
  const near = endpoint('127.0.0.1:50000');
  const far = endpoint('127.0.0.1:81');
  const down = connection({ process: NGINX, role: 'server' });
  const up = connection({ process: NGINX, role: 'client', local: near, remote: far });
  const served = connection({ process: API, role: 'server', local: far, remote: near });
  scene.open(down, up, served);
  const caller = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const headers = { ...ID, traceparent: caller };
  const ingress = scene.request(exchange({ connection: down, role: 'server', headers }));
  const cause = causeOf(ingress);
  const egress = scene.request(exchange({ connection: up, role: 'client', headers: ID, cause }));
  const backend = scene.request(exchange({ connection: served, role: 'server', headers: ID }));
  for (const each of [backend, egress, ingress]) scene.respond(each);
  const spans = scene.allSpans();
  const of = (id: number) => spans.find(({ connectionId }) => connectionId === id);
  return { ingress: of(down.id), egress: of(up.id), backend: of(served.id) };
}

describe('without', () => {
  test('anything left out, the best signal links', () => {
    const { ingress, egress, backend } = run({});
    assert.equal(egress?.tier, 'exact.state');
    assert.equal(egress?.parentSpanId, ingress?.spanId);
    assert.equal(backend?.parentSpanId, egress?.spanId);
    assert.equal(ingress?.traceId, 'a'.repeat(32));
  });

  test('exact.state the next tier is asked: here nobody can tell', () => {
    const { egress } = run({ tiers: ['exact.order', 'identifier', 'local'] });
    assert.equal(egress?.tier, 'none');
    assert.equal(egress?.parentSpanId, '');
  });

  test('exact.state a header of the file links', () => {
    const { ingress, egress } = run({ tiers: ['identifier'], identifierHeaders: ['X-My-Id'] });
    assert.equal(egress?.tier, 'identifier');
    assert.equal(egress?.parentSpanId, ingress?.spanId);
  });

  test('identifier such a header links nothing', () => {
    const { egress } = run({ tiers: ['exact.order'], identifierHeaders: ['X-My-Id'] });
    assert.equal(egress?.tier, 'none');
  });

  test('local the other end of a connection has a trace of its own', () => {
    const { egress, backend } = run({ tiers: ['exact.state'] });
    assert.equal(backend?.parentSpanId, '');
    assert.notEqual(backend?.traceId, egress?.traceId);
  });

  test('traceparent the caller is not continued', () => {
    const { ingress, egress } = run({ traceparent: false });
    assert.equal(ingress?.parentSpanId, '');
    assert.notEqual(ingress?.traceId, 'a'.repeat(32));
    assert.equal(egress?.traceId, ingress?.traceId);
  });
});
