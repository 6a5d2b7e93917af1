/** HAProxy with two threads: requests, retries, queues, health checks, as the collector wrote them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertHop, assertNoLoss } from '../harness/facts.ts';
import { ask, converse, tunnel } from '../harness/http-client.ts';
import { testOldConnections } from '../harness/old-connections.ts';
import { pathOf } from '../harness/otlp-span.ts';
import {
  testBodies,
  testConnections,
  testFailures,
  testRequestsAtOnce,
} from '../harness/proxy-requests.ts';
import { proxied, shapeOf, treesOf } from '../harness/span-tree.ts';
import { testHealthChecks, testRetry } from './behaviour.ts';
import { type HaproxyScene, openHaproxyScene } from './scene.ts';

const lines = (request: string, status?: number) => proxied('haproxy', 'api', request, status);

describe('HAProxy, spans over gRPC', () => {
  let open: HaproxyScene;
  const suite = { proxy: 'haproxy', open: () => open };
  before(async () => {
    open = await openHaproxyScene();
    await open.scene.watch({ transport: 'grpc' });
  });
  after(() => open?.scene.close());

  test('a request is a SERVER span with the upstream request as CLIENT child', async () => {
    const { scene, port, ports, haproxy } = open;
    await ask(port, '/kept/one?a=b', { headers: { host: 'shop.example' } });
    const spans = await scene.expectTrace('/kept/one', lines('GET /kept/one'));
    assertHop(spans);
    const [server, client] = spans;
    assert.partialDeepStrictEqual(server?.resource ?? {}, {
      'service.name': 'haproxy',
      'process.pid': haproxy.pid,
    });
    assert.partialDeepStrictEqual(client?.attributes ?? {}, {
      'url.full': 'http://shop.example/kept/one?a=b',
      'server.address': 'shop.example',
      'network.peer.port': ports.api,
    });
  });

  testBodies(suite);
  testConnections(suite);

  testRetry(() => open);

  testRequestsAtOnce(suite, ['kept', 'fresh', 'queue']);

  testHealthChecks(() => open);

  test('pipelined requests are exchanges of their own, linked rightly or not at all', async () => {
    const { scene, port } = open;
    const request = (n: number) => `GET /kept/pipe/${n} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const last = 'GET /itself/end HTTP/1.1\r\nHost: a\r\n\r\n';
    await converse(port, [request(1) + request(2) + last], /here/);
    for (const n of [1, 2]) {
      const path = `/kept/pipe/${n}`;
      const spans = await scene.spansOf(path, 3);
      assert.deepEqual([...new Set(spans.map(pathOf))], [path], 'no other request in the trace');
    }
  });

  test('empty lines before a request hide no connection', async () => {
    const { scene, port } = open;
    await converse(port, ['\r\n\r\nGET /kept/empty HTTP/1.1\r\nHost: a\r\n\r\n'], /200 OK/);
    await scene.expectTrace('/kept/empty', lines('GET /kept/empty'));
  });

  test('a request behind empty lines that come alone, and one in pieces, are linked', async () => {
    const { scene, port } = open;
    const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    await converse(port, ['\r\n\r\n', request('/kept/behind')], /200 OK/);
    await converse(port, [...request('/kept/pieces')], /200 OK/);
    assertHop(await scene.expectTrace('/kept/behind', lines('GET /kept/behind')));
    assertHop(await scene.expectTrace('/kept/pieces', lines('GET /kept/pieces')));
  });

  test('IPv6 clients, Unix socket upstreams, HEAD and chunked answers are seen', async () => {
    const { scene, port } = open;
    await ask(port, '/kept/six', { host: '::1' });
    await ask(port, '/socket/one');
    await ask(port, '/kept/head?bytes=9000', { method: 'HEAD' });
    await ask(port, '/kept/chunked?chunked=1&bytes=9000');
    const [six] = await scene.expectTrace('/kept/six', lines('GET /kept/six'));
    assert.equal(six?.attributes['network.peer.address'], '::1');
    await scene.expectTrace('/socket/one', proxied('haproxy', 'socket-api', 'GET /socket/one'));
    assertHop(await scene.expectTrace('/kept/head', lines('HEAD /kept/head')));
    assertHop(await scene.expectTrace('/kept/chunked', lines('GET /kept/chunked')));
  });

  test('an interim 100 is no answer, a 101 ends the exchange', async () => {
    const { scene, port } = open;
    const headers = { expect: '100-continue', 'content-length': '4' };
    await ask(port, '/kept/continue', { method: 'PUT', headers, body: 'wait' });
    assert.equal(await tunnel(port, '/tunnel/one', 'through'), 'through');
    assertHop(await scene.expectTrace('/kept/continue', lines('PUT /kept/continue')));
    assertHop(await scene.expectTrace('/tunnel/one', lines('GET /tunnel/one', 101)));
  });

  testFailures(suite);

  test('at the end: nothing lost, and only health checks without parent', async () => {
    const { scene } = open;
    const counters = await scene.stopAgent();
    assert((counters['unlinked.several'] ?? 0) <= 2);
    assertNoLoss(counters, ['unlinked.several', 'unlinked.no_signal']);
    assert((counters['link.own_request'] ?? 0) > 0, 'health checks are counted as such');
    const clients = scene.collector.spans().filter(({ kind }) => kind === 'CLIENT');
    const unlinked = clients.filter((s) => s.attributes['spantap.link.tier'] === 'none');
    assert.deepEqual(
      unlinked.map(pathOf).filter((path) => !path.startsWith('/kept/pipe/')),
      [],
      'of pipelined requests only',
    );
    const orphans = clients.filter(
      (s) => s.parentSpanId === '' && !/^\/health$|\/pipe\//.test(pathOf(s)),
    );
    assert.deepEqual(shapeOf(treesOf(orphans)), []);
  });
});

describe('HAProxy with connections older than the agent', () => {
  testOldConnections('haproxy', openHaproxyScene);
});
