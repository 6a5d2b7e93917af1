/**
 * HAProxy as Debian 11, 12 and 13 package it: its structures are found without knowing the version,
 * take over from the probes, and name the right clients.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { otherProxyName } from '../../../tools/setup/needs.ts';
import { unpackedFolder } from '../../../tools/setup/unpacked.ts';
import { assertHop, assertLinked, assertNoLoss } from '../harness/facts.ts';
import { ask, askMany, oneConnection } from '../harness/http-client.ts';
import { serviceOf } from '../harness/otlp-span.ts';
import { proxied } from '../harness/span-tree.ts';
import { assertWholeHops } from '../harness/whole-hops.ts';
import { askUntilWalked, testHealthChecks, testRetry } from './behaviour.ts';
import { type HaproxyScene, openHaproxyScene } from './scene.ts';

const AT_ONCE = 32;

/** Without probes (2.2) nothing is linked before. */
const CASES = [
  { name: 'Debian 11', release: 'bullseye', threads: 2, hasProbes: false },
  { name: 'this machine', release: undefined, threads: 4, hasProbes: true },
  { name: 'Debian 13', release: 'trixie', threads: 2, hasProbes: true },
] as const;

for (const { name, release, threads, hasProbes } of CASES) {
  describe(`HAProxy of ${name}, ${threads} threads`, () => {
    let open: HaproxyScene;
    let takenOverNs = 0n;
    const connections = oneConnection();
    before(async () => {
      const root = release && { root: unpackedFolder(otherProxyName(release, 'haproxy')) };
      open = await openHaproxyScene({ threads, ...root });
      await ask(open.port, '/checked/early', { connections });
      await open.scene.watch();
    });
    after(async () => {
      connections.destroy();
      await open?.scene.close();
    });

    test('its structures take over while requests run', async () => {
      const { scene, port } = open;
      const count = await askUntilWalked(scene, port, '/kept/steady');
      takenOverNs = BigInt(Date.now()) * 1_000_000n;
      const spans = await scene.spansOf('/kept/steady', 3 * count);
      const request = 'GET /kept/steady';
      if (hasProbes) assertWholeHops(spans, { proxy: 'haproxy', backend: 'api', request, count });
    });

    test('kept, new and older connections are linked', async () => {
      const { scene, port } = open;
      for (const path of ['/kept/one', '/fresh/one', '/queue/one', '/kept/two', '/fresh/two']) {
        await ask(port, path);
        assertHop(await scene.expectTrace(path, proxied('haproxy', 'api', `GET ${path}`)));
      }
      await ask(port, '/checked/late', { connections });
      const spans = await scene.spansOf('/checked/late', 3);
      const ofHaproxy = spans.filter((span) => serviceOf(span) === 'haproxy');
      const [ingress, egress] = ofHaproxy.sort((a, b) => (a.kind < b.kind ? 1 : -1));
      assert(ingress && egress);
      assertLinked(ingress, egress);
    });

    test('identical requests at once are linked', async () => {
      const { scene, port } = open;
      for (const path of ['/kept/same', '/fresh/same', '/queue/same']) {
        await askMany(port, AT_ONCE, (n) => `${path}?delay=10&n=${n}`);
        const spans = await scene.spansOf(path, 3 * AT_ONCE);
        const request = `GET ${path}`;
        assertWholeHops(spans, { proxy: 'haproxy', backend: 'api', request, count: AT_ONCE });
      }
    });

    testRetry(() => open);
    testHealthChecks(
      () => open,
      () => takenOverNs,
    );

    test('at the end: most links were made without a probe, nothing was lost', async () => {
      const counters = await open.scene.stopAgent();
      assert.equal(counters['discover.haproxy_walks'], 1);
      assert.equal(counters['link.haproxy_walk_refuted'] ?? 0, 0);
      assert((counters['link.haproxy_walked'] ?? 0) >= 3 * AT_ONCE);
      // A health check may be under way when the agent comes: its answer has no request.
      assert((counters['dropped.unpaired'] ?? 0) <= 1);
      const except = ['dropped.unpaired', ...(hasProbes ? [] : ['unlinked.no_signal'])];
      assertNoLoss(counters, except);
    });
  });
}
