/** Caddy (Go's net/http) in clear text: goroutines instead of an event loop. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertHop, assertLinked, assertNoLoss } from '../harness/facts.ts';
import { ask, askMany, oneConnection, tunnel } from '../harness/http-client.ts';
import { proxied, proxiedOverOld, shape, shapeOf, treesOf } from '../harness/span-tree.ts';
import { assertWholeHops } from '../harness/whole-hops.ts';
import { type CaddyScene, openCaddyScene } from './scene.ts';

const AT_ONCE = 64;
const lines = (request: string, status?: number) => proxied('caddy', 'api', request, status);

describe('Caddy, spans over HTTP/protobuf', () => {
  let open: CaddyScene;
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

  test('a POST with a body is one exchange on either side', async () => {
    const { scene, port } = open;
    const body = Buffer.alloc(40_000, 'p');
    await ask(port, '/kept/post?bytes=5000', { method: 'POST', body });
    const spans = await scene.expectTrace('/kept/post', lines('POST /kept/post'));
    assertHop(spans);
    for (const { attributes } of spans) {
      assert.equal(attributes['http.request.body.size'], body.length);
      assert.equal(attributes['http.response.body.size'], 5_000);
    }
  });

  test('kept connections carry one exchange after another, each linked', async () => {
    const { scene, port } = open;
    const connections = oneConnection();
    for (let n = 1; n <= 5; n += 1) {
      await ask(port, `/kept/serial/${n}`, { connections });
      const spans = await scene.expectTrace(`/kept/serial/${n}`, lines(`GET /kept/serial/${n}`));
      assertHop(spans);
      assert.equal(spans[0]?.attributes['spantap.connection.exchange'], n);
    }
    connections.destroy();
  });

  test('a new upstream connection per request is linked as well', async () => {
    const { scene, port } = open;
    for (const path of ['/fresh/one', '/fresh/two']) {
      await ask(port, path);
      assertHop(await scene.expectTrace(path, lines(`GET ${path}`)));
    }
  });

  for (const site of ['kept', 'fresh']) {
    test(`${AT_ONCE} identical requests at once are as many whole hops (${site})`, async () => {
      const { scene, port } = open;
      const path = `/${site}/same`;
      await askMany(port, AT_ONCE, () => `${path}?delay=5`);
      const request = `GET ${path}`;
      const spans = await scene.spansOf(path, 3 * AT_ONCE);
      assertWholeHops(spans, { proxy: 'caddy', backend: 'api', request, count: AT_ONCE });
    });

    test(`${AT_ONCE} requests that can be told apart are linked to their own (${site})`, async () => {
      const { scene, port } = open;
      const path = `/${site}/apart`;
      await askMany(port, AT_ONCE, (n) => `${path}?delay=${n % 7}&n=${n}`);
      const request = `GET ${path}`;
      const spans = await scene.spansOf(path, 3 * AT_ONCE);
      assertWholeHops(spans, { proxy: 'caddy', backend: 'api', request, count: AT_ONCE });
    });
  }

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

  test('errors of the backend, and of a backend that hangs up', async () => {
    const { scene, port } = open;
    await ask(port, '/kept/error?status=500');
    assert.equal((await ask(port, '/fresh/hang?close=head')).status, 502);
    await scene.expectTrace('/kept/error', lines('GET /kept/error', 500));
    await scene.expectTrace(
      '/fresh/hang',
      shape`
        SERVER caddy GET /fresh/hang 502
          CLIENT caddy GET /fresh/hang -
            SERVER api GET /fresh/hang -
      `,
    );
  });

  test('what Caddy answers itself has no children', async () => {
    const { scene, port } = open;
    await ask(port, '/itself/one');
    await scene.expectTrace('/itself/one', ['SERVER caddy GET /itself/one 200']);
  });

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
  let open: CaddyScene;
  const connections = oneConnection();
  before(async () => {
    open = await openCaddyScene();
    await ask(open.port, '/kept/early/1', { connections });
    await ask(open.port, '/kept/early/2', { connections });
    await open.scene.watch();
  });
  after(async () => {
    connections.destroy();
    await open?.scene.close();
  });

  test('they are captured and linked from their next request on', async () => {
    const { scene, port } = open;
    for (const n of [1, 2]) {
      const path = `/kept/late/${n}`;
      await ask(port, path, { connections });
      const lines = proxiedOverOld('caddy', 'api', `GET ${path}`);
      const [ingress, egress] = await scene.expectTrace(path, lines);
      assert(ingress && egress);
      assertLinked(ingress, egress);
    }
  });
});
