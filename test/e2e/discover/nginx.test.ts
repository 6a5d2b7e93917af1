import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { findNginxConnections } from '../../../src/discover/nginx.ts';
import { Inspector } from '../../../src/discover/plan.ts';
import { readSocketDescriptors, readSocketTable } from '../../../src/discover/proc/sockets.ts';
import { unpackedRoot } from '../../discover/packages.ts';
import { readUpstreamChain } from './nginx-memory.ts';
import { type Held, type InFlight, NginxScene } from './nginx-scene.ts';

const HTTP = 0x50545448;
/** A test that fails half way leaves requests in flight; the next one must not wait for ever. */
const LIMIT = { timeout: 20_000 };

/** The nginx of this machine, and of other releases in a root of their own. */
const PROGRAMS = [
  { title: 'nginx of this machine', root: () => undefined },
  { title: 'nginx of Debian 11', root: () => unpackedRoot('bullseye', 'nginx') },
  { title: 'nginx of Debian 13', root: () => unpackedRoot('trixie', 'nginx') },
];

/** Follows the chain of one held upstream request and checks every step but the main request. */
function checkChain(scene: NginxScene, held: Held, client: InFlight) {
  const { pid } = scene.worker;
  const table = readSocketTable(pid);
  const upstream = [...table.values()].find(
    ({ localPort, remotePort }) =>
      localPort === held.upstreamPort && remotePort === scene.ports.backend,
  );
  const found = new Map(findNginxConnections(pid).connections);
  const connection = found.get(upstream?.inode ?? 0);
  assert.ok(connection !== undefined, 'the upstream socket has an ngx_connection_t');
  const chain = readUpstreamChain(pid, connection);
  assert.equal(chain.signature, HTTP);
  assert.equal(chain.peerConnection, connection, 'the upstream points back');
  const inode = readSocketDescriptors(pid).get(chain.clientFd);
  assert.equal(table.get(inode ?? 0)?.remotePort, client.clientPort, 'the client is the sender');
  return { ...chain, connection };
}

for (const { title, root } of PROGRAMS) {
  describe(title, { timeout: 240_000 }, () => {
    let scene: NginxScene;
    before(async () => {
      scene = await NginxScene.start(await root());
    });
    after(() => scene?.stop());

    test('is recognised and needs no uprobe', () => {
      const plan = new Inspector().inspect(scene.worker.pid);
      assert.equal(plan?.family, 'nginx');
      assert.deepEqual(plan?.uprobes, []);
      assert.deepEqual(plan?.reasons, []);
    });

    test('a request on a new upstream connection leads back to its client', LIMIT, async () => {
      const arrival = scene.held();
      const client = await scene.send('/held-new');
      const held = await arrival;
      const { request, mainRequest } = checkChain(scene, held, client);
      assert.equal(request, mainRequest);
      held.answer();
      assert.equal(await client.done, 200);
    });

    test(
      'a request on a kept-alive upstream connection leads back to its client',
      LIMIT,
      async () => {
        const arrivals = [scene.held(), scene.held()];
        const first = await scene.send('/held-first');
        const held = await arrivals[0];
        const before = checkChain(scene, held, first);
        held.answer();
        await first.done;
        const second = await scene.send('/held-again');
        const heldAgain = await arrivals[1];
        assert.equal(heldAgain.upstreamPort, held.upstreamPort, 'the connection is reused');
        const again = checkChain(scene, heldAgain, second);
        assert.equal(again.connection, before.connection);
        assert.equal(again.request, again.mainRequest);
        heldAgain.answer();
        await second.done;
      },
    );

    test('two requests at the same time lead to different clients', LIMIT, async () => {
      const arrivals = [scene.held(), scene.held()];
      const one = await scene.send('/held-one');
      const heldOne = await arrivals[0];
      const two = await scene.send('/held-two');
      const heldTwo = await arrivals[1];
      assert.notEqual(one.clientPort, two.clientPort);
      const chainOne = checkChain(scene, heldOne, one);
      const chainTwo = checkChain(scene, heldTwo, two);
      assert.notEqual(chainOne.request, chainTwo.request);
      heldOne.answer();
      heldTwo.answer();
      await Promise.all([one.done, two.done]);
    });

    test('an auth subrequest leads to the client, with another main request', LIMIT, async () => {
      const arrivals = [scene.held(), scene.held()];
      const client = await scene.send('/private/held');
      const auth = await arrivals[0];
      assert.equal(auth.path, '/auth-held');
      const subrequest = checkChain(scene, auth, client);
      assert.notEqual(subrequest.request, subrequest.mainRequest);
      auth.answer();
      const main = await arrivals[1];
      const request = checkChain(scene, main, client);
      assert.equal(request.request, request.mainRequest);
      assert.equal(request.mainRequest, subrequest.mainRequest);
      main.answer();
      assert.equal(await client.done, 200);
    });
  });
}
