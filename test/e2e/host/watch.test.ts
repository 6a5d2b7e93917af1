/** The agent without filters, and narrowed by port and by name. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Agent, startAgent } from '../harness/agent.ts';
import { type Collector, chooseCollectorPorts, startCollector } from '../harness/collector.ts';
import { ask } from '../harness/http-client.ts';
import { freePorts } from '../harness/ports.ts';
import { Scene } from '../harness/scene.ts';
import { proxied, shapeOf, treesOf } from '../harness/span-tree.ts';

/** Two backends and an nginx before the first; who is watched is up to each suite. */
async function openScene(scene: Scene): Promise<{ front: number; api: number; other: number }> {
  const ports = await freePorts('front', 'api', 'other');
  await scene.backend('api', ports.api);
  await scene.backend('other', ports.other);
  const server = `server { listen 127.0.0.1:${ports.front};
    location / { proxy_pass http://127.0.0.1:${ports.api}; } }`;
  await scene.nginx(ports.front, server);
  return ports;
}

describe('without filters', () => {
  const scene = new Scene();
  let ports = { front: 0, api: 0, other: 0 };
  let collector: Collector;
  let agent: Agent;
  before(async () => {
    ports = await openScene(scene);
    collector = await startCollector(scene.folder);
    const transport = 'http/protobuf';
    agent = await startAgent({ folder: scene.folder, flags: [], collector, transport });
  });
  after(async () => {
    await agent?.program.stop();
    await collector?.stop();
    await scene.close();
  });

  test('a request is one tree from this test, through nginx, to the backend', async () => {
    await ask(ports.front, '/whole');
    const spans = await collector.await('the tree', (all) => {
      const found = scene.tracesOf('/whole', all);
      return found.length >= 4 ? found : undefined;
    });
    const [tree] = treesOf(spans);
    assert(tree);
    assert.equal(tree.span.kind, 'CLIENT');
    assert.equal(tree.span.resource['process.pid'], process.pid);
    assert.deepEqual(shapeOf(tree.children), proxied('nginx', 'api', 'GET /whole'));
  });

  test('a process that starts later is seen from its first request on', async () => {
    const { late } = await freePorts('late');
    await scene.backend('late', late);
    await ask(late, '/first');
    const spans = await collector.await('its span and that of this test', (all) => {
      const found = scene.tracesOf('/first', all);
      return found.length >= 2 ? found : undefined;
    });
    const [tree] = treesOf(spans);
    assert(tree);
    assert.deepEqual(shapeOf(tree.children), ['SERVER late GET /first 200']);
    assert.equal(tree.children[0]?.span.attributes['spantap.connection.exchange'], 1);
  });

  test('neither the agent nor the collector that it talks to is among what is seen', async () => {
    await ask(ports.other, '/last');
    await collector.await('the last request', (all) => {
      const found = scene.tracesOf('/last', all);
      return found.length >= 2 ? found : undefined;
    });
    await agent.stop();
    const seen = collector.spans();
    const own = [agent.program.pid, collector.program.pid];
    const fed = seen.filter(({ resource }) => own.includes(Number(resource['process.pid'])));
    assert.deepEqual(shapeOf(treesOf(fed)), []);
    const ends = ['network.local.port', 'network.peer.port'];
    const toCollector = seen.filter(({ attributes }) =>
      ends.some((end) => attributes[end] === collector.httpPort),
    );
    assert.deepEqual(shapeOf(treesOf(toCollector)), []);
  });
});

describe('a collector that is started after the agent', () => {
  const scene = new Scene();
  let collector: Collector | undefined;
  let agent: Agent | undefined;
  after(async () => {
    await agent?.program.stop();
    await collector?.stop();
    await scene.close();
  });

  test('is not among what is seen, though it was watched before the first export', async () => {
    const ports = await openScene(scene);
    const chosen = await chooseCollectorPorts();
    const env = {
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${chosen.http}`,
    };
    agent = await startAgent({ folder: scene.folder, flags: [], env });
    collector = await startCollector(scene.folder, chosen);
    for (const path of ['/one', '/two', '/three']) {
      await ask(ports.front, path);
      await collector.await(`the tree of ${path}`, (all) => {
        const found = scene.tracesOf(path, all);
        return found.length >= 4 ? found : undefined;
      });
    }
    await agent.stop();
    const seen = collector.spans();
    const pid = collector.program.pid;
    const own = seen.filter(
      ({ attributes, resource }) =>
        resource['process.pid'] === pid ||
        attributes['network.local.port'] === chosen.http ||
        attributes['network.peer.port'] === chosen.http,
    );
    assert.deepEqual(shapeOf(treesOf(own)), []);
  });
});

describe('told to sample always', () => {
  const scene = new Scene();
  after(() => scene.close());

  test('exports what the caller does not sample', async () => {
    const ports = await openScene(scene);
    await scene.watch({ env: { OTEL_TRACES_SAMPLER: 'always_on' } });
    const traceId = '0af7651916cd43dd8448eb211c80319e';
    const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-00` };
    await ask(ports.front, '/unsampled', { headers });
    const spans = await scene.expectTrace('/unsampled', proxied('nginx', 'api', 'GET /unsampled'));
    for (const span of spans) assert.equal(span.traceId, traceId);
  });
});

describe('narrowed by --port', () => {
  const scene = new Scene();
  let ports = { front: 0, api: 0, other: 0 };
  let collector: Collector;
  let agent: Agent;
  before(async () => {
    ports = await openScene(scene);
    collector = await startCollector(scene.folder);
    const flags = ['--port', String(ports.front)];
    agent = await startAgent({ folder: scene.folder, flags, collector });
  });
  after(async () => {
    await agent?.program.stop();
    await collector?.stop();
    await scene.close();
  });

  test('only the process that listens there is watched, with all its connections', async () => {
    await ask(ports.other, '/unwatched');
    await ask(ports.front, '/watched');
    const spans = await collector.await('both spans', (all) => {
      const found = scene.tracesOf('/watched', all);
      return found.length >= 2 ? found : undefined;
    });
    assert.deepEqual(shapeOf(treesOf(spans)), [
      'SERVER nginx GET /watched 200',
      '  CLIENT nginx GET /watched 200',
    ]);
    await agent.stop();
    assert.deepEqual(scene.tracesOf('/unwatched', collector.spans()), []);
  });
});
