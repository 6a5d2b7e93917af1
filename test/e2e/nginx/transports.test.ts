/** The same spans over OTLP/HTTP, in protobuf and in JSON. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertHop, assertNoLoss } from '../harness/facts.ts';
import { ask } from '../harness/http-client.ts';
import { proxied } from '../harness/span-tree.ts';
import { type NginxScene, openNginxScene } from './scene.ts';

for (const transport of ['http/protobuf', 'http/json'] as const) {
  describe(`nginx, spans over ${transport}`, () => {
    let open: NginxScene;
    before(async () => {
      open = await openNginxScene();
      await open.scene.watch({ transport });
    });
    after(() => open?.scene.close());

    test('a GET and a POST arrive as linked spans', async () => {
      const { scene, port } = open;
      await ask(port, '/kept/one');
      await ask(port, '/fresh/two', { method: 'POST', body: 'two' });
      assertHop(await scene.expectTrace('/kept/one', proxied('nginx', 'api', 'GET /kept/one')));
      const lines = proxied('nginx', 'api', 'POST /fresh/two');
      assertHop(await scene.expectTrace('/fresh/two', lines));
    });

    test('a resource per process, one scope, ids in hex', async () => {
      const { scene, port } = open;
      await ask(port, '/kept/resource');
      const lines = proxied('nginx', 'api', 'GET /kept/resource');
      const [server, , backend] = await scene.expectTrace('/kept/resource', lines);
      assert(server && backend);
      assert.notEqual(server.resource['process.pid'], backend.resource['process.pid']);
      assert.equal(server.scope, backend.scope);
      assert.match(server.traceId, /^[0-9a-f]{32}$/);
      assert.match(server.spanId, /^[0-9a-f]{16}$/);
    });

    test('nothing is lost', async () => {
      assertNoLoss(await open.scene.stopAgent());
    });
  });
}
