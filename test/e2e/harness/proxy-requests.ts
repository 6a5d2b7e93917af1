/** What every proxy is expected to show, whatever it is made of: tests of a suite with an open scene. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertHop } from './facts.ts';
import { ask, askMany, oneConnection } from './http-client.ts';
import type { Scene } from './scene.ts';
import { proxied, shape } from './span-tree.ts';
import { assertWholeHops } from './whole-hops.ts';

/**
 * A proxy with the path prefixes `/kept` (a pool of connections to the backend `api`), `/fresh` (a
 * connection per request) and `/itself` (its own answer), open once the tests run.
 */
export interface ProxySuite {
  readonly proxy: string;
  readonly open: () => { readonly scene: Scene; readonly port: number };
}

export function testBodies({ proxy, open }: ProxySuite): void {
  test('a POST with a body is one exchange on either side', async () => {
    const { scene, port } = open();
    const body = Buffer.alloc(40_000, 'p');
    await ask(port, '/kept/post?bytes=5000', { method: 'POST', body });
    const lines = proxied(proxy, 'api', 'POST /kept/post');
    const spans = await scene.expectTrace('/kept/post', lines);
    assertHop(spans);
    for (const { attributes } of spans) {
      assert.equal(attributes['http.request.body.size'], body.length);
      assert.equal(attributes['http.response.body.size'], 5_000);
    }
  });
}

/** `fresh`: paths for whose requests the proxy makes new connections. */
export function testConnections(
  { proxy, open }: ProxySuite,
  fresh: readonly string[] = ['/fresh/one', '/fresh/two'],
): void {
  const lines = (request: string) => proxied(proxy, 'api', request);

  test('kept connections carry one exchange after another, each linked', async () => {
    const { scene, port } = open();
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
    const { scene, port } = open();
    for (const path of fresh) {
      await ask(port, path);
      const spans = await scene.expectTrace(path, lines(`GET ${path}`));
      assertHop(spans);
      assert.equal(spans[1]?.attributes['spantap.connection.exchange'], 1);
    }
  });
}

const AT_ONCE = 64;

/** `prefixes`: sections of the proxy's configuration that lead to the backend `api`. */
export function testRequestsAtOnce({ proxy, open }: ProxySuite, prefixes: readonly string[]): void {
  const expectHops = async (path: string) => {
    const spans = await open().scene.spansOf(path, 3 * AT_ONCE);
    assertWholeHops(spans, { proxy, backend: 'api', request: `GET ${path}`, count: AT_ONCE });
  };

  for (const prefix of prefixes) {
    test(`${AT_ONCE} identical requests at once are as many whole hops (${prefix})`, async () => {
      const path = `/${prefix}/same`;
      await askMany(open().port, AT_ONCE, () => `${path}?delay=5`);
      await expectHops(path);
    });

    test(`${AT_ONCE} requests that can be told apart are linked to their own (${prefix})`, async () => {
      const path = `/${prefix}/apart`;
      await askMany(open().port, AT_ONCE, (n) => `${path}?delay=${n % 7}&n=${n}`);
      await expectHops(path);
    });
  }
}

export function testFailures({ proxy, open }: ProxySuite): void {
  test('errors of the backend, and of a backend that hangs up', async () => {
    const { scene, port } = open();
    await ask(port, '/kept/error?status=500');
    assert.equal((await ask(port, '/fresh/hang?close=head')).status, 502);
    const lines = proxied(proxy, 'api', 'GET /kept/error', 500);
    const [server, client] = await scene.expectTrace('/kept/error', lines);
    assert.equal(server?.status, 'error');
    assert.equal(client?.attributes['error.type'], '500');
    await scene.expectTrace(
      '/fresh/hang',
      shape`
        SERVER ${proxy} GET /fresh/hang 502
          CLIENT ${proxy} GET /fresh/hang -
            SERVER api GET /fresh/hang -
      `,
    );
  });

  test(`what ${proxy} answers itself has no children`, async () => {
    const { scene, port } = open();
    await ask(port, '/itself/one');
    await scene.expectTrace('/itself/one', [`SERVER ${proxy} GET /itself/one 200`]);
  });
}
