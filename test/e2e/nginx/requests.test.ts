/** nginx over OTLP/gRPC: every way a request can go through it, as the collector wrote it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertHop, assertNoLoss, assertWithin } from '../harness/facts.ts';
import { ask, converse, oneConnection, tunnel } from '../harness/http-client.ts';
import { testConnections } from '../harness/proxy-requests.ts';
import { proxied, shape, shapeOf, treesOf } from '../harness/span-tree.ts';
import { type NginxScene, openNginxScene } from './scene.ts';

describe('nginx, spans over gRPC', () => {
  let open: NginxScene;
  before(async () => {
    open = await openNginxScene(1);
    await open.scene.watch({ transport: 'grpc' });
  });
  after(() => open?.scene.close());

  test('a request is a SERVER span with the upstream request as CLIENT child', async () => {
    const { scene, port } = open;
    const question = { headers: { 'user-agent': 'test/1', host: `shop.example:${port}` } };
    assert.equal((await ask(port, '/kept/one?color=red', question)).status, 200);
    const spans = await scene.expectTrace('/kept/one', proxied('nginx', 'api', 'GET /kept/one'));
    assertHop(spans);
  });

  test('attributes follow the semantic conventions', async () => {
    const { scene, port, ports, nginx } = open;
    const headers = { 'user-agent': 'test/1', host: `shop.example:${port}` };
    await ask(port, '/kept/attributes?color=red&sig=secret', { headers });
    const [server, client] = await scene.expectTrace(
      '/kept/attributes',
      proxied('nginx', 'api', 'GET /kept/attributes'),
    );
    assert(server && client);
    assert.equal(server.name, 'GET');
    assert.partialDeepStrictEqual(server.attributes, {
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'url.path': '/kept/attributes',
      'url.query': 'color=red&sig=REDACTED',
      'url.scheme': 'http',
      'server.address': 'shop.example',
      'server.port': port,
      'client.address': '127.0.0.1',
      'network.peer.address': '127.0.0.1',
      'network.local.address': '127.0.0.1',
      'network.local.port': port,
      'network.protocol.version': '1.1',
      'user_agent.original': 'test/1',
      'spantap.connection.exchange': 1,
    });
    assert.equal(client.name, 'GET');
    assert.partialDeepStrictEqual(client.attributes, {
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'url.full': 'http://kept/kept/attributes?color=red&sig=REDACTED',
      'server.address': 'kept',
      'server.port': 80,
      'network.peer.address': '127.0.0.1',
      'network.peer.port': ports.api,
      'network.protocol.version': '1.1',
      'peer.service': 'api',
    });
    assert.partialDeepStrictEqual(server.resource, { 'service.name': 'nginx' });
    assert.equal(typeof server.resource['host.name'], 'string');
    assert.equal(typeof server.resource['process.pid'], 'number');
    assert.notEqual(server.resource['process.pid'], nginx.pid, 'a worker, not the master');
    assert.equal(client.resource['process.pid'], server.resource['process.pid']);
  });

  test('a POST is seen with its body, which is measured', async () => {
    const { scene, port } = open;
    const body = Buffer.alloc(70_000, 'p');
    await ask(port, '/kept/post?bytes=5000', { method: 'POST', body });
    const spans = await scene.expectTrace('/kept/post', proxied('nginx', 'api', 'POST /kept/post'));
    assertHop(spans);
    for (const { attributes } of spans) {
      assert.equal(attributes['http.request.body.size'], body.length);
      assert.equal(attributes['http.response.body.size'], 5_000);
    }
  });

  test('a POST whose body nginx passes on while it arrives is one exchange', async () => {
    const { scene, port } = open;
    const head = 'POST /unbuffered/post HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n';
    await converse(port, [head, 'abc', 'def'], /xxx/);
    const lines = proxied('nginx', 'api', 'POST /unbuffered/post');
    assertHop(await scene.expectTrace('/unbuffered/post', lines));
  });

  test('a retry is a second CLIENT span with a resend count', async () => {
    const { scene, port } = open;
    assert.equal((await ask(port, '/retry/one')).status, 200);
    const [server, first, , second] = await scene.expectTrace(
      '/retry/one',
      shape`
        SERVER nginx GET /retry/one 200
          CLIENT nginx GET /retry/one 503
            SERVER failing GET /retry/one 503
          CLIENT nginx GET /retry/one 200 resend 1
            SERVER api GET /retry/one 200
      `,
    );
    assert(server && first && second);
    assert.equal(first.attributes['error.type'], '503');
    assert.equal(first.status, 'error');
    assert.equal(second.attributes['spantap.link.tier'], 'exact.state');
    assertWithin(server, first);
    assertWithin(server, second);
  });

  test('an auth subrequest is a CLIENT sibling before the request itself', async () => {
    const { scene, port } = open;
    assert.equal((await ask(port, '/guarded/one')).status, 200);
    await scene.expectTrace(
      '/guarded/one',
      shape`
        SERVER nginx GET /guarded/one 200
          CLIENT nginx GET /auth 200
            SERVER api GET /auth 200
          CLIENT nginx GET /guarded/one 200
            SERVER api GET /guarded/one 200
      `,
    );
  });

  testConnections({ proxy: 'nginx', open: () => open }, ['/fresh/one', '/fresh/two', '/old/three']);

  test('pipelined requests that one read brings are linked each to its own', async () => {
    const { scene, port } = open;
    const request = (n: number) => `GET /kept/pipe/${n} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const last = 'GET /itself/end HTTP/1.1\r\nHost: a\r\n\r\n';
    await converse(port, [request(1) + request(2) + request(3) + last], /here/);
    for (const n of [1, 2, 3]) {
      const path = `/kept/pipe/${n}`;
      const spans = await scene.expectTrace(path, proxied('nginx', 'api', `GET ${path}`));
      assertHop(spans);
      assert.equal(spans[0]?.attributes['spantap.connection.exchange'], n);
    }
  });

  test('pipelined requests with bodies, retries and slow answers are linked each to its own', async () => {
    const { scene, port } = open;
    const requests = Array.from({ length: 12 }, (_, n) => {
      const location = ['kept', 'fresh', 'retry'][n % 3];
      const body = 'b'.repeat(n);
      const head = `POST /${location}/line/${n}?delay=${(5 * n) % 13}&bytes=${70 * n} HTTP/1.1`;
      return `${head}\r\nHost: a\r\nContent-Length: ${n}\r\n\r\n${body}`;
    });
    const last = 'GET /itself/end HTTP/1.1\r\nHost: a\r\n\r\n';
    await converse(port, [requests.join('') + last], /here/);
    for (const n of requests.keys()) {
      const path = `/${['kept', 'fresh', 'retry'][n % 3]}/line/${n}`;
      const retried = [
        `  CLIENT nginx POST ${path} 503`,
        `    SERVER failing POST ${path} 503`,
        `  CLIENT nginx POST ${path} 200 resend 1`,
        `    SERVER api POST ${path} 200`,
      ];
      const [ingress, ...rest] = proxied('nginx', 'api', `POST ${path}`);
      assert(ingress);
      await scene.expectTrace(path, [ingress, ...(n % 3 === 2 ? retried : rest)]);
    }
  });

  test('a request that arrives byte by byte is one request', async () => {
    const { scene, port } = open;
    const bytes = [...'GET /kept/bytes HTTP/1.1\r\nHost: a\r\n\r\n'];
    await converse(port, bytes, /xxx/);
    const lines = proxied('nginx', 'api', 'GET /kept/bytes');
    assertHop(await scene.expectTrace('/kept/bytes', lines));
  });

  test('IPv6 clients are named by their address', async () => {
    const { scene, port } = open;
    await ask(port, '/kept/six', { host: '::1' });
    const spans = await scene.expectTrace('/kept/six', proxied('nginx', 'api', 'GET /kept/six'));
    assertHop(spans);
    assert.partialDeepStrictEqual(spans[0]?.attributes ?? {}, {
      'network.peer.address': '::1',
      'network.local.address': '::1',
      'client.address': '::1',
    });
  });

  test('a Unix socket upstream is linked, and its backend by the socket', async () => {
    const { scene, port } = open;
    await ask(port, '/socket/one');
    const lines = proxied('nginx', 'socket-api', 'GET /socket/one');
    const [server, client, backend] = await scene.expectTrace('/socket/one', lines);
    assert(server && client && backend);
    assert.equal(client.attributes['spantap.link.tier'], 'exact.state');
    assert.equal(client.attributes['network.transport'], 'unix');
    assert.equal(client.attributes['network.peer.address'], `${scene.folder}/api.sock`);
    assert.equal(backend.attributes['spantap.link.tier'], 'local');
  });

  test('chunked answers end at their last chunk', async () => {
    const { scene, port } = open;
    await ask(port, '/kept/chunked?chunked=1&bytes=9000');
    const lines = proxied('nginx', 'api', 'GET /kept/chunked');
    for (const { attributes } of await scene.expectTrace('/kept/chunked', lines)) {
      assert.equal(attributes['http.response.body.size'], 9_000);
      assert.equal(attributes['spantap.truncated'], undefined);
    }
  });

  test('chunks beyond what is copied end with the connection, marked truncated', async () => {
    const { scene, port } = open;
    const { body } = await ask(port, '/fresh/chunked?chunked=1&bytes=200000');
    assert.equal(body.length, 200_000);
    const lines = proxied('nginx', 'api', 'GET /fresh/chunked');
    const spans = await scene.expectTrace('/fresh/chunked', lines);
    assertHop(spans);
    for (const { attributes } of spans) assert.equal(attributes['spantap.truncated'], true);
  });

  test('HEAD answers have a length and no body', async () => {
    const { scene, port } = open;
    await ask(port, '/kept/head?bytes=9000', { method: 'HEAD' });
    const spans = await scene.expectTrace('/kept/head', proxied('nginx', 'api', 'HEAD /kept/head'));
    assertHop(spans);
    assert.equal(spans[0]?.attributes['http.response.body.size'], 0);
  });

  test('204 and 304 end with their head', async () => {
    const { scene, port } = open;
    const connections = oneConnection();
    for (const status of [204, 304]) {
      const path = `/kept/status/${status}`;
      await ask(port, `${path}?status=${status}&bytes=0`, { connections });
      assertHop(await scene.expectTrace(path, proxied('nginx', 'api', `GET ${path}`, status)));
    }
    connections.destroy();
  });

  test('an interim 100 is no answer of its own', async () => {
    const { scene, port } = open;
    const headers = { expect: '100-continue', 'content-length': '4' };
    await ask(port, '/kept/continue', { method: 'PUT', headers, body: 'wait' });
    const lines = proxied('nginx', 'api', 'PUT /kept/continue');
    assertHop(await scene.expectTrace('/kept/continue', lines));
  });

  test('a protocol switch ends the exchange with 101', async () => {
    const { scene, port } = open;
    assert.equal(
      await tunnel(port, '/tunnel/one', 'GET /not-a-request HTTP/1.1\r\n\r\n').then(
        (t) => t.length,
      ),
      31,
    );
    const lines = proxied('nginx', 'api', 'GET /tunnel/one', 101);
    assertHop(await scene.expectTrace('/tunnel/one', lines));
    assert.deepEqual(scene.tracesOf('/not-a-request'), []);
  });

  test('5xx is an error on both spans, 4xx on the CLIENT span only', async () => {
    const { scene, port } = open;
    for (const [status, serverStatus] of [
      [500, 'error'],
      [404, 'unset'],
    ] as const) {
      const path = `/kept/error/${status}`;
      await ask(port, `${path}?status=${status}`);
      const spans = await scene.expectTrace(path, proxied('nginx', 'api', `GET ${path}`, status));
      assertHop(spans);
      assert.equal(spans[0]?.status, serverStatus);
      assert.equal(spans[1]?.status, 'error');
      assert.equal(spans[1]?.attributes['error.type'], String(status));
    }
  });

  test('an upstream that hangs up is an error without status', async () => {
    const { scene, port } = open;
    assert.equal((await ask(port, '/fresh/hang?close=head')).status, 502);
    const [, client] = await scene.expectTrace(
      '/fresh/hang',
      shape`
        SERVER nginx GET /fresh/hang 502
          CLIENT nginx GET /fresh/hang -
            SERVER api GET /fresh/hang -
      `,
    );
    assert.equal(client?.status, 'error');
    assert.notEqual(client?.attributes['error.type'], undefined);
  });

  test('an upstream that nobody listens on leaves the SERVER span alone', async () => {
    const { scene, port } = open;
    assert.equal((await ask(port, '/refused/one')).status, 502);
    await scene.expectTrace('/refused/one', ['SERVER nginx GET /refused/one 502']);
  });

  test('what nginx answers itself has no children', async () => {
    const { scene, port } = open;
    await ask(port, '/itself/one');
    await scene.expectTrace('/itself/one', ['SERVER nginx GET /itself/one 200']);
  });

  test('an incoming traceparent is continued', async () => {
    const { scene, port } = open;
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const parent = 'b7ad6b7169203331';
    const headers = { traceparent: `00-${trace}-${parent}-01`, tracestate: 'vendor=1' };
    await ask(port, '/kept/context', { headers });
    const spans = await scene.expectTrace(
      '/kept/context',
      proxied('nginx', 'api', 'GET /kept/context'),
    );
    const [server] = spans;
    assertHop(spans);
    assert.equal(server?.traceId, trace);
    assert.equal(server?.parentSpanId, parent);
    assert.equal(server?.traceState, 'vendor=1');
    assert.equal((server?.flags ?? 0) & 0x301, 0x301, 'sampled, parent known to be remote');
  });

  test('a caller that does not sample is obeyed, and counted', async () => {
    const { scene, port } = open;
    const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00' };
    await ask(port, '/kept/unsampled', { headers });
    await ask(port, '/kept/after-unsampled');
    const lines = proxied('nginx', 'api', 'GET /kept/after-unsampled');
    await scene.expectTrace('/kept/after-unsampled', lines);
    assert.deepEqual(scene.tracesOf('/kept/unsampled'), []);
  });

  test('a head larger than the limit is marked, and the connection goes on', async () => {
    const { scene, port } = open;
    const connections = oneConnection();
    const headers = { 'x-long': 'a'.repeat(20_000) };
    await ask(port, '/kept/long', { connections, headers });
    await ask(port, '/kept/after-long', { connections });
    connections.destroy();
    // Node refuses such a head with 431.
    const long = await scene.expectTrace(
      '/kept/long',
      proxied('nginx', 'api', 'GET /kept/long', 431),
    );
    for (const { attributes } of long) assert.equal(attributes['spantap.truncated'], true);
    const lines = proxied('nginx', 'api', 'GET /kept/after-long');
    assertHop(await scene.expectTrace('/kept/after-long', lines));
  });

  test('garbage on the port is no request and disturbs none', async () => {
    const { scene, port } = open;
    await converse(port, ['\x16\x03\x01 not HTTP at all \x00\xff\r\n\r\n'], /400/);
    await ask(port, '/kept/after-garbage');
    const lines = proxied('nginx', 'api', 'GET /kept/after-garbage');
    assertHop(await scene.expectTrace('/kept/after-garbage', lines));
  });

  test('at the end: nothing lost, what was left out is counted, no span without its hop', async () => {
    const { scene } = open;
    const counters = await scene.stopAgent();
    assert.equal(counters['dropped.not_sampled'], 3);
    assert.equal(counters['truncated.spans'], 6);
    assert.equal(counters['truncated.head'], 3);
    assertNoLoss(counters, [
      'dropped.not_sampled',
      'truncated.spans',
      'truncated.head',
      'truncated.framing',
    ]);
    const spans = scene.collector.spans();
    assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length, 'ids are unique');
    assert.equal(spans.length, counters['export.spans']);
    const clients = spans.filter(({ kind }) => kind === 'CLIENT');
    const orphans = clients.filter(({ parentSpanId }) => parentSpanId === '');
    assert.deepEqual(shapeOf(treesOf(orphans)), []);
  });
});
