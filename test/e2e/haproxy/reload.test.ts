/** HAProxy that is replaced while requests run through it. */
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { assertNoLoss } from '../harness/facts.ts';
import { ask, askMany } from '../harness/http-client.ts';
import { freePorts } from '../harness/ports.ts';
import type { Program } from '../harness/program.ts';
import { Scene } from '../harness/scene.ts';
import { expectSteadyHops, SteadyLoad } from '../harness/steady-load.ts';
import { assertWholeHops } from '../harness/whole-hops.ts';
import { askUntilWalked } from './behaviour.ts';
import { haproxyHead } from './scene.ts';

const config = (
  front: number,
  api: number,
  folder: string,
) => `${haproxyHead(`  stats socket ${folder}/admin.sock mode 600 level admin expose-fd listeners\n`)}frontend front
  bind 127.0.0.1:${front}
  default_backend api
backend api
  http-reuse always
  server api 127.0.0.1:${api}
`;

const AT_ONCE = 32;
const HAPROXY = { proxy: 'haproxy', backend: 'api' } as const;

interface Open {
  readonly scene: Scene;
  readonly front: number;
  readonly file: string;
  readonly haproxy: Program;
}

async function openScene(scene: Scene, flags: readonly string[]): Promise<Open> {
  const { front, api } = await freePorts('front', 'api');
  await scene.backend('api', api);
  const file = scene.writeFile('haproxy.cfg', config(front, api, scene.folder));
  const haproxy = await scene.proxy('haproxy', [...flags, '-db', '-f', file], front);
  return { scene, front, file, haproxy };
}

describe('HAProxy that is replaced by another process (-sf)', () => {
  const scene = new Scene();
  after(() => scene.close());

  test('no request before, during and after is missed or unlinked', async () => {
    const { front, file, haproxy } = await openScene(scene, []);
    await scene.watch({ flags: ['--process', 'haproxy'] });
    const load = new SteadyLoad(front, '/replaced');
    await load.goOn('requests through the old process');
    const takeOver = ['-x', `${scene.folder}/admin.sock`, '-sf', String(haproxy.pid)];
    await scene.proxy('haproxy', ['-db', '-f', file, ...takeOver], front);
    await load.goOn('the old process ends', () => haproxy.hasEnded);
    const count = await load.stop();
    await expectSteadyHops(scene, { ...HAPROXY, path: '/replaced', count, processes: 2 });
  });
});

describe('HAProxy that is replaced after its structures took over from the probes', () => {
  const scene = new Scene();
  after(() => scene.close());

  test('the new process is linked without probes from its first request on', async () => {
    const { front, file, haproxy } = await openScene(scene, []);
    await scene.watch({ flags: ['--process', 'haproxy'] });
    await askUntilWalked(scene, front, '/before');
    const takeOver = ['-x', `${scene.folder}/admin.sock`, '-sf', String(haproxy.pid)];
    await scene.proxy('haproxy', ['-db', '-f', file, ...takeOver], front);
    let meanwhile = 0;
    for (; !haproxy.hasEnded; meanwhile++) await ask(front, '/meanwhile');
    await askMany(front, AT_ONCE, (n) => `/after?delay=10&n=${n}`);
    for (const [path, count] of [
      ['/meanwhile', meanwhile],
      ['/after', AT_ONCE],
    ] as const) {
      const spans = await scene.spansOf(path, 3 * count);
      assertWholeHops(spans, { ...HAPROXY, request: `GET ${path}`, count });
    }
    assertNoLoss(await scene.stopAgent());
  });
});

describe('HAProxy whose master reloads (-W)', () => {
  const scene = new Scene();
  after(() => scene.close());

  test('no request before, during and after is missed or unlinked', async () => {
    const { front, haproxy } = await openScene(scene, ['-W']);
    await scene.watch();
    const load = new SteadyLoad(front, '/reloaded');
    await load.goOn('requests through the first worker');
    for (const round of ['first', 'second']) {
      const [before] = childrenOf(haproxy.pid);
      haproxy.signal('SIGUSR2');
      await load.goOn(`the ${round} worker is replaced`, () => {
        const now = childrenOf(haproxy.pid);
        return now.length === 1 && now[0] !== before;
      });
    }
    const count = await load.stop();
    await expectSteadyHops(scene, { ...HAPROXY, path: '/reloaded', count, processes: 3 });
  });
});

/** Workers: two during a reload. */
function childrenOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
}
