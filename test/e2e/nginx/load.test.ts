/** nginx with many requests at once, reloaded, and with connections older than the agent. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { assertHop, assertLinked, assertNoLoss } from '../harness/facts.ts';
import { ask, askMany } from '../harness/http-client.ts';
import { useOldConnections } from '../harness/old-connections.ts';
import { proxied, proxiedOverOld } from '../harness/span-tree.ts';
import { assertWholeHops } from '../harness/whole-hops.ts';
import { type NginxScene, openNginxScene } from './scene.ts';

const AT_ONCE = 64;

const hops = (request: string, count: number) => ({
  proxy: 'nginx',
  backend: 'api',
  request,
  count,
});

function workersOf(masterPid: number): Set<unknown> {
  const children = readFileSync(`/proc/${masterPid}/task/${masterPid}/children`, 'utf8');
  return new Set(children.trim().split(' '));
}

/** Resolves when a worker answers that did not before: the reload has taken place. */
async function newWorker(port: number, oldWorkers: ReadonlySet<unknown>): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const { headers } = await ask(port, '/itself/worker');
    if (!oldWorkers.has(headers['x-worker'])) return;
    assert(Date.now() < deadline, 'no new worker after SIGHUP');
  }
}

describe('nginx under concurrent requests', () => {
  let open: NginxScene;
  before(async () => {
    open = await openNginxScene();
    await open.scene.watch();
  });
  after(() => open?.scene.close());

  for (const location of ['kept', 'fresh']) {
    test(`${AT_ONCE} identical requests at once are as many whole hops (${location})`, async () => {
      const { scene, port } = open;
      const path = `/${location}/same`;
      await askMany(port, AT_ONCE, () => `${path}?delay=20`);
      const spans = await scene.spansOf(path, 3 * AT_ONCE);
      assertWholeHops(spans, hops(`GET ${path}`, AT_ONCE));
    });

    test(`${AT_ONCE} requests that can be told apart are linked to their own (${location})`, async () => {
      const { scene, port } = open;
      const path = `/${location}/apart`;
      await askMany(port, AT_ONCE, (n) => `${path}?delay=${n % 7}&n=${n}`);
      const spans = await scene.spansOf(path, 3 * AT_ONCE);
      assertWholeHops(spans, hops(`GET ${path}`, AT_ONCE));
    });
  }

  test('a reload in the middle of the traffic loses no request and no link', async () => {
    const { scene, port, nginx } = open;
    const count = 150;
    const oldWorkers = workersOf(nginx.pid);
    await askMany(port, count, (n) => {
      if (n === count / 2) nginx.signal('SIGHUP');
      return `/kept/reload?delay=${n % 30}&n=${n}`;
    });
    await newWorker(port, oldWorkers);
    await askMany(port, count, (n) => `/fresh/reload?n=${n}`);
    assertWholeHops(
      await scene.spansOf('/kept/reload', 3 * count),
      hops('GET /kept/reload', count),
    );
    assertWholeHops(
      await scene.spansOf('/fresh/reload', 3 * count),
      hops('GET /fresh/reload', count),
    );
  });

  test('nothing is lost', async () => {
    assertNoLoss(await open.scene.stopAgent());
  });
});

describe('nginx with connections older than the agent', () => {
  const { open, connections } = useOldConnections(() => openNginxScene(1));

  test('they are captured and linked from their next request on, without an ordinal', async () => {
    const { scene, port } = open();
    for (const n of [1, 2, 3]) {
      await ask(port, `/kept/late/${n}`, { connections });
      const lines = proxiedOverOld('nginx', 'api', `GET /kept/late/${n}`);
      const spans = await scene.expectTrace(`/kept/late/${n}`, lines);
      const [ingress, egress] = spans;
      assert(ingress && egress);
      assertLinked(ingress, egress);
      for (const { attributes } of spans) {
        assert.equal(attributes['spantap.connection.exchange'], undefined);
      }
    }
    assert.deepEqual(scene.tracesOf('/kept/early/1'), []);
  });

  test('connections opened later count from 1', async () => {
    const { scene, port } = open();
    await ask(port, '/fresh/later');
    const lines = proxied('nginx', 'api', 'GET /fresh/later');
    const spans = await scene.expectTrace('/fresh/later', lines);
    assertHop(spans);
    for (const { attributes } of spans) {
      assert.equal(attributes['spantap.connection.exchange'], 1);
    }
  });
});
