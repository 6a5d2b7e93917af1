/** nginx as Debian 11 and 13 package it: linking state is found without knowing the version. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { otherProxyName } from '../../../tools/setup/needs.ts';
import { unpackedFolder } from '../../../tools/setup/unpacked.ts';
import { assertHop, assertNoLoss } from '../harness/facts.ts';
import { ask, askMany, oneConnection } from '../harness/http-client.ts';
import { freePorts } from '../harness/ports.ts';
import { Scene } from '../harness/scene.ts';
import { proxied, shape } from '../harness/span-tree.ts';
import { assertWholeHops } from '../harness/whole-hops.ts';

const AT_ONCE = 32;

for (const release of ['bullseye', 'trixie']) {
  describe(`nginx of Debian ${release}`, () => {
    const scene = new Scene();
    const connections = oneConnection();
    let port = 0;
    before(async () => {
      const ports = await freePorts('front', 'api');
      port = ports.front;
      await scene.backend('api', ports.api);
      await scene.nginxOf(
        unpackedFolder(otherProxyName(release, 'nginx')),
        port,
        `upstream kept { server 127.0.0.1:${ports.api}; keepalive 16; }
         server {
           listen 127.0.0.1:${port};
           proxy_http_version 1.1;
           proxy_set_header Connection "";
           location / { proxy_pass http://kept; }
           location /fresh { proxy_pass http://127.0.0.1:${ports.api}; proxy_set_header Connection close; }
           location /guarded { auth_request /auth; proxy_pass http://kept; }
           location = /auth { internal; proxy_pass http://kept; }
         }`,
      );
      await ask(port, '/fresh/early', { connections });
      await scene.watch();
    });
    after(async () => {
      connections.destroy();
      await scene.close();
    });

    test('answers through a connection older than the agent', async () => {
      await ask(port, '/fresh/late', { connections });
      const lines = proxied('nginx', 'api', 'GET /fresh/late');
      assertHop(await scene.expectTrace('/fresh/late', lines));
    });

    test('links kept and new upstream connections', async () => {
      for (const path of ['/one', '/two', '/fresh/one', '/fresh/two']) {
        await ask(port, path);
        assertHop(await scene.expectTrace(path, proxied('nginx', 'api', `GET ${path}`)));
      }
    });

    test('links subrequests', async () => {
      await ask(port, '/guarded/one');
      const spans = await scene.expectTrace(
        '/guarded/one',
        shape`
          SERVER nginx GET /guarded/one 200
            CLIENT nginx GET /auth 200
              SERVER api GET /auth 200
            CLIENT nginx GET /guarded/one 200
              SERVER api GET /guarded/one 200
        `,
      );
      assert.equal(spans[1]?.attributes['spantap.link.tier'], 'exact.state');
    });

    test('links identical requests at once', async () => {
      for (const path of ['/same', '/fresh/same']) {
        await askMany(port, AT_ONCE, () => `${path}?delay=10`);
        const request = `GET ${path}`;
        const spans = await scene.spansOf(path, 3 * AT_ONCE);
        assertWholeHops(spans, { proxy: 'nginx', backend: 'api', request, count: AT_ONCE });
      }
    });

    test('loses nothing', async () => {
      assertNoLoss(await scene.stopAgent());
    });
  });
}
