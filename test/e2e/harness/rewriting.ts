/** A proxy that is configured to change requests: every upstream request has its own client's. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { assertNoLoss } from './facts.ts';
import { ask } from './http-client.ts';
import { freePorts } from './ports.ts';
import { Scene } from './scene.ts';
import { shapeOf, treesOf } from './span-tree.ts';

/** What clients ask for, and what the backend gets. */
export interface Rewriting {
  readonly method: string;
  readonly path: string;
  readonly upstream: string;
}

const ROUNDS = 4;
const OF_EACH = 12;

/** The test of a suite: `config` makes the proxy send `kinds` on to the backend on port `api`. */
export function testRewriting(
  proxy: 'nginx' | 'haproxy',
  kinds: readonly Rewriting[],
  config: (front: number, api: number) => string,
): void {
  const scene = new Scene();
  after(() => scene.close());

  test('is linked by its state, every request to its own', async () => {
    const { front, api } = await freePorts('front', 'api');
    await scene.backend('api', api);
    await scene[proxy](front, config(front, api));
    await scene.watch();
    await askRewritten(front, kinds);
    await expectRewritten(scene, proxy, kinds);
  });
}

/** All kinds of requests at once, each with a number of its own. */
async function askRewritten(port: number, kinds: readonly Rewriting[]): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const asked = kinds.flatMap(({ method, path }) =>
      Array.from({ length: OF_EACH }, (_, n) => {
        const question = method === 'GET' ? {} : { body: 'b'.repeat(20 + n) };
        const target = `${path}?delay=${(3 * n) % 17}&n=${round * OF_EACH + n}`;
        return ask(port, target, { method, ...question });
      }),
    );
    for (const { status } of await Promise.all(asked)) assert.equal(status, 200);
  }
}

/** Ends the agent. Every trace is one hop whose spans carry one number. */
async function expectRewritten(
  scene: Scene,
  proxy: string,
  kinds: readonly Rewriting[],
): Promise<void> {
  const count = ROUNDS * OF_EACH;
  for (const { method, path, upstream } of kinds) {
    const spans = await scene.spansOf(path, 3 * count);
    const trees = treesOf(spans).filter(({ span }) => span.attributes['url.path'] === path);
    assert.equal(trees.length, count);
    for (const tree of trees) {
      assert.deepEqual(shapeOf([tree]), [
        `SERVER ${proxy} ${method} ${path} 200`,
        `  CLIENT ${proxy} ${upstream} 200`,
        `    SERVER api ${upstream} 200`,
      ]);
      const [egress] = tree.children;
      assert.equal(egress?.span.attributes['spantap.link.tier'], 'exact.state');
      const url = new URL(String(egress?.span.attributes['url.full']));
      assert.equal(url.searchParams.toString(), tree.span.attributes['url.query']);
    }
  }
  const counters = await scene.stopAgent();
  assertNoLoss(counters);
  assert.equal(counters['link.contradiction'], 0);
  assert.equal(counters['link.tier_disabled'], 0);
}
