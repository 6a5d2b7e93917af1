/** `tap.filters` and `tags` of a file: at start, at an exec, and when the file changes. */
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Agent, startAgent } from '../harness/agent.ts';
import { type Collector, startCollector } from '../harness/collector.ts';
import { ask, oneConnection } from '../harness/http-client.ts';
import type { OtlpSpan } from '../harness/otlp-span.ts';
import { freePorts } from '../harness/ports.ts';
import { Program } from '../harness/program.ts';
import { Scene } from '../harness/scene.ts';
import { proxied, shapeOf, treesOf } from '../harness/span-tree.ts';

const BACKEND = join(import.meta.dirname, '..', 'harness', 'backend-main.ts');

/** Leaves out executables whose paths end so. */
function fileThatLeavesOut(endings: readonly string[], tag = 'team'): string {
  const custom = endings.map((exe) => `{exe: ${exe}}`).join(', ');
  return `tap: {filters: {custom: [${custom}]}}\ntags: [{key: ${tag}, source: env, location: TEAM}]\n`;
}

describe('a file with filters', () => {
  const scene = new Scene();
  const connections = oneConnection();
  let ports = { front: 0, api: 0, copy: 0 };
  let collector: Collector;
  let agent: Agent;
  let copy: Program | undefined;
  let reloads = 1;

  async function reload(text: string): Promise<void> {
    scene.writeFile('qtap.yaml', text);
    agent.program.signal('SIGHUP');
    reloads += 1;
    await agent.program.line(new RegExp(`(configuration [\\s\\S]*){${reloads}}`));
  }

  /** All spans of a request, as soon as there are so many. */
  async function spansOf(path: string, count: number): Promise<OtlpSpan[]> {
    return collector.await(`${count} spans of ${path}`, (all) => {
      const found = scene.tracesOf(path, all);
      return found.length >= count ? found : undefined;
    });
  }

  /** The kernel side follows some milliseconds later: what was asked of the API has a parent, or not. */
  async function settled(isProxySeen: boolean): Promise<void> {
    for (let attempt = 0; attempt < 50; attempt += 1) {
      const path = `/settling/${reloads}/${attempt}`;
      await ask(ports.front, path);
      const isServer = ({ kind, attributes, resource }: OtlpSpan) =>
        kind === 'SERVER' && attributes['url.path'] === path && resource['service.name'] === 'api';
      const server = await collector.await(path, (all) => all.find(isServer));
      if ((server.parentSpanId !== '') === isProxySeen) return;
    }
    assert.fail(`the proxy is ${isProxySeen ? 'not seen' : 'seen'} after a reload`);
  }

  const programsOf = (spans: readonly OtlpSpan[]) =>
    spans.map(({ kind, resource }) => `${kind} ${resource['process.executable.name']}`).sort();

  before(async () => {
    ports = await freePorts('front', 'api', 'copy');
    await scene.backend('api', ports.api);
    const server = `server { listen 127.0.0.1:${ports.front};
      location / { proxy_pass http://127.0.0.1:${ports.api}; } }`;
    await scene.nginx(ports.front, server);
    collector = await startCollector(scene.folder);
    const text = fileThatLeavesOut(['/nginx', '/renamed-node']);
    const flags = ['--config', scene.writeFile('qtap.yaml', text)];
    agent = await startAgent({ folder: scene.folder, flags, collector });
  });
  after(async () => {
    connections.destroy();
    await agent?.program.stop();
    await collector?.stop();
    await copy?.stop();
    await scene.close();
  });

  test('leaves out what runs', async () => {
    await ask(ports.front, '/left-out', { connections });
    assert.deepEqual(programsOf(await spansOf('/left-out', 2)), ['CLIENT node', 'SERVER node']);
  });

  test('leaves out what a process becomes', async () => {
    const renamed = join(scene.folder, 'renamed-node');
    cpSync(process.execPath, renamed);
    const command = `exec ${renamed} ${BACKEND} ${ports.copy}`;
    copy = new Program('copy', '/bin/sh', ['-c', command], { env: { TEAM: 'blue' } });
    await copy.line(/ready/);
    await ask(ports.copy, '/left-out-copy');
    assert.deepEqual(programsOf(await spansOf('/left-out-copy', 1)), ['CLIENT node']);
  });

  test('takes back what another file does not name, on open connections too', async () => {
    await reload(fileThatLeavesOut([]));
    await settled(true);
    await ask(ports.front, '/on-open', { connections });
    const open = programsOf(await spansOf('/on-open', 4));
    assert.deepEqual(open, ['CLIENT nginx', 'CLIENT node', 'SERVER nginx', 'SERVER node']);
    await ask(ports.front, '/taken-back');
    const [tree] = treesOf(await spansOf('/taken-back', 4));
    assert.deepEqual(shapeOf(tree?.children ?? []), proxied('nginx', 'api', 'GET /taken-back'));
  });

  test('tags spans with the environment of their process, as the last file says', async () => {
    const tagOf = async (path: string) => {
      await ask(ports.copy, path);
      const spans = await spansOf(path, 2);
      const server = spans.find(({ kind }) => kind === 'SERVER');
      return Object.entries(server?.resource ?? {}).filter(([key]) => key.startsWith('spantap.'));
    };
    assert.deepEqual(await tagOf('/tagged'), [['spantap.tag.team', 'blue']]);
    await reload(fileThatLeavesOut([], 'group'));
    assert.deepEqual(await tagOf('/tagged-anew'), [['spantap.tag.group', 'blue']]);
  });

  test('leaves out what runs when it names it again', async () => {
    await reload(fileThatLeavesOut(['/nginx']));
    await settled(false);
    await ask(ports.front, '/again', { connections });
    await ask(ports.front, '/again-anew');
    await agent.stop();
    // Other proxies of this host are none of this test's business.
    const isFront = ({ kind, attributes }: OtlpSpan) =>
      kind === 'SERVER' && attributes['network.local.port'] === ports.front;
    const paths = collector
      .spans()
      .filter(isFront)
      .map(({ attributes }) => String(attributes['url.path']))
      .filter((path) => !path.startsWith('/settling/'));
    assert.deepEqual(paths.sort(), ['/on-open', '/taken-back']);
  });
});
