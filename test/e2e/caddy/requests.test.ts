/** Caddy (Go's net/http) in clear text: goroutines instead of an event loop. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertHop, assertNoLoss } from '../harness/facts.ts';
import { ask, tunnel } from '../harness/http-client.ts';
import { testOldConnections } from '../harness/old-connections.ts';
import {
  testBodies,
  testConnections,
  testFailures,
  testRequestsAtOnce,
} from '../harness/proxy-requests.ts';
import { proxied, shapeOf, treesOf } from '../harness/span-tree.ts';
import { type CaddyScene, openCaddyScene } from './scene.ts';

const lines = (request: string, status?: number) => proxied('caddy', 'api', request, status);

describe('Caddy, spans over HTTP/protobuf', () => {
  let open: CaddyScene;
  const suite = { proxy: 'caddy', open: () => open };
  before(async () => {
    open = await openCaddyScene();
    await open.scene.watch({ transport: 'http/protobuf' });
  });
  after(() => open?.scene.close());

  test('a request is a SERVER span with the upstream request as CLIENT child', async () => {
    const { scene, port, caddy } = open;
    await ask(port, '/kept/one?a=b');
    const spans = await scene.expectTrace('/kept/one', lines('GET /kept/one'));
    assertHop(spans);
    assert.partialDeepStrictEqual(spans[0]?.resource ?? {}, {
      'service.name': 'caddy',
      'process.pid': caddy.pid,
    });
  });

  testBodies(suite);
  testConnections(suite);
  testRequestsAtOnce(suite, ['kept', 'fresh']);

  test('IPv6 clients, Unix socket upstreams, HEAD, chunked answers and tunnels are seen', async () => {
    const { scene, port } = open;
    await ask(port, '/kept/six', { host: '::1' });
    await ask(port, '/socket/one');
    await ask(port, '/kept/head?bytes=9000', { method: 'HEAD' });
    await ask(port, '/kept/chunked?chunked=1&bytes=9000');
    assert.equal(await tunnel(port, '/kept/tunnel', 'through'), 'through');
    const [six] = await scene.expectTrace('/kept/six', lines('GET /kept/six'));
    assert.equal(six?.attributes['network.peer.address'], '::1');
    await scene.expectTrace('/socket/one', proxied('caddy', 'socket-api', 'GET /socket/one'));
    assertHop(await scene.expectTrace('/kept/head', lines('HEAD /kept/head')));
    assertHop(await scene.expectTrace('/kept/chunked', lines('GET /kept/chunked')));
    assertHop(await scene.expectTrace('/kept/tunnel', lines('GET /kept/tunnel', 101)));
  });

  testFailures(suite);

  test('at the end: nothing lost, nothing without parent', async () => {
    const { scene } = open;
    const counters = await scene.stopAgent();
    assertNoLoss(counters);
    const clients = scene.collector.spans().filter(({ kind }) => kind === 'CLIENT');
    const orphans = clients.filter(({ parentSpanId }) => parentSpanId === '');
    assert.deepEqual(shapeOf(treesOf(orphans)), []);
  });
});

describe('Caddy with connections older than the agent', () => {
  testOldConnections('caddy', openCaddyScene);
});
