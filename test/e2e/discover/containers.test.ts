/** Containers of real runtimes: what the agent says of processes in them, on spans and to rules. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Identities } from '../../../src/discover/identity/identities.ts';
import type { Identity } from '../../../src/discover/identity/types.ts';
import { Inspector } from '../../../src/discover/plan.ts';
import { listProcesses, readProcess } from '../../../src/discover/processes.ts';
import { Containers, runtimesOf } from '../../../src/discover/runtime/containers.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { type Agent, startAgent } from '../harness/agent.ts';
import { type Collector, startCollector } from '../harness/collector.ts';
import { ask } from '../harness/http-client.ts';
import type { Attributes } from '../harness/otlp-span.ts';
import { freePorts } from '../harness/ports.ts';
import { type Container, ContainerHost } from './container-host.ts';
import { uidOf } from './cri-client.ts';
import { IMAGE } from './image-archive.ts';

const SLEEP = ['/bin/sleep', '600'];
const ANSWER_TIMEOUT_MS = 10_000;

const host = new ContainerHost();
before(() => host.start());
after(() => host.stop());

/** As the agent makes them; the answer of the runtime is awaited. */
async function identityOf(
  { pid }: Container,
  tags: Parameters<Identities['configure']>[0]['tags'] = [],
): Promise<Identity> {
  const counters = new Counters();
  const containers = new Containers(runtimesOf(host.variables, counters), counters);
  const identities = new Identities({ inspector: new Inspector(), containers, version: '1' });
  identities.configure({ tags });
  const info = readProcess(pid);
  assert(info, `process ${pid}`);
  const get = () => identities.get(pid, info.startNs, info.comm);
  const deadline = Date.now() + ANSWER_TIMEOUT_MS;
  while (get().facts['src.container.image'] === undefined) {
    const failed = counters.get('discover.container_lookups_failed');
    assert(Date.now() < deadline, `no answer; ${failed} failures`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return get();
}

test('a container of Docker has its name, image, labels and user', async () => {
  const flags = ['--name=shop', '--label=team=blue', '--user=1234'];
  const container = await host.runDocker(flags, SLEEP);
  const tags = [{ key: 'team', source: 'container.label', location: 'team' }] as const;
  const { facts, process, resource, tags: texts } = await identityOf(container, tags);
  assert.equal(facts['src.container.id'], container.id.slice(0, 12));
  assert.equal(facts['src.container.name'], 'shop');
  assert.equal(facts['src.container.image'], IMAGE);
  assert.equal(facts['src.container.labels.team'], 'blue');
  assert.equal(facts['src.container.labels.from'], 'image');
  assert.equal(facts['src.process.user.id'], 1234);
  assert.equal(facts['src.process.user.name'], 'web');
  assert.equal(facts['src.process.path'], '/bin/busybox');
  assert.deepEqual(process.container, { name: 'shop', image: IMAGE });
  assert.deepEqual(texts, ['team:blue']);
  assert.equal(resource.attributes['container.id'], container.id);
  assert.equal(resource.attributes['container.runtime.name'], 'docker');
  assert.equal(resource.attributes['spantap.tag.team'], 'blue');
});

test('Docker under Kubernetes: the pod and its own labels are found', async () => {
  const pod = { 'io.kubernetes.pod.name': 'shop-1', 'io.kubernetes.pod.namespace': 'prod' };
  const flagsOf = (labels: Record<string, string>) =>
    Object.entries(labels).map(([key, value]) => `--label=${key}=${value}`);
  const sandbox = await host.runDocker(flagsOf({ ...pod, app: 'shop' }), SLEEP);
  const link = { 'io.kubernetes.sandbox.id': sandbox.id, 'io.kubernetes.container.name': 'web' };
  const { facts } = await identityOf(await host.runDocker(flagsOf({ ...pod, ...link }), SLEEP));
  assert.equal(facts['src.pod.name'], 'shop-1');
  assert.equal(facts['src.pod.namespace'], 'prod');
  assert.equal(facts['src.pod.labels.app'], 'shop');
});

test('a container of containerd alone is found through its shim', async () => {
  const container = await host.runPlain('plain', ['--label=app=shop'], SLEEP);
  const { facts, resource } = await identityOf(container);
  assert.equal(facts['src.container.id'], 'plain');
  assert.equal(facts['src.container.name'], 'plain');
  assert.equal(facts['src.container.image'], IMAGE);
  assert.equal(facts['src.container.labels.app'], 'shop');
  assert.equal(resource.attributes['container.runtime.name'], 'containerd');
});

test('a container in a pod has what the kubelet said of the pod', async () => {
  const labels = { 'app.kubernetes.io/name': 'shop' };
  const pod = { name: 'shop-2', namespace: 'prod', labels, annotations: { owner: 'a@b' } };
  const container = await host.runPod(pod, SLEEP);
  const tags = [
    { key: 'app', source: 'k8s.label', location: 'app.kubernetes.io/name' },
    { key: 'owner', source: 'k8s.annotation', location: 'owner' },
  ] as const;
  const { facts, process, resource, tags: texts } = await identityOf(container, tags);
  assert.equal(facts['src.container.id'], container.id.slice(0, 12));
  assert.equal(facts['src.container.name'], 'web');
  assert.equal(facts['src.container.image'], IMAGE);
  assert.equal(facts['src.pod.labels.app.kubernetes.io/name'], 'shop');
  assert.deepEqual(process.pod, { name: 'shop-2', namespace: 'prod' });
  assert.deepEqual(texts, ['app:shop', 'owner:a@b']);
  const { attributes } = resource;
  assert.equal(attributes['k8s.pod.name'], 'shop-2');
  assert.equal(attributes['k8s.namespace.name'], 'prod');
  assert.equal(attributes['k8s.pod.uid'], uidOf('shop-2'));
  assert.equal(attributes['k8s.container.name'], 'web');
  assert.equal(attributes['container.runtime.name'], 'containerd');
});

test('the runtimes themselves are in no container', () => {
  const identities = new Identities({ inspector: new Inspector(), version: '1' });
  const names = ['dockerd', 'containerd', 'containerd-shim-runc-v2'];
  const own = listProcesses().filter(({ executableName }) => names.includes(executableName));
  assert(own.length >= 3);
  for (const { pid, startNs, comm, executableName } of own) {
    const { facts } = identities.get(pid, startNs, comm);
    assert.equal(facts['src.container.id'], undefined, executableName);
  }
});

describe('the agent', () => {
  let collector: Collector | undefined;
  let agent: Agent | undefined;
  after(async () => {
    await agent?.program.stop();
    await collector?.stop();
  });

  test('names the container on its spans, and leaves no spans of its own questions', async () => {
    const ports = await freePorts('shop', 'plain');
    const [shop, plain] = [host.server(ports.shop), host.server(ports.plain)];
    await host.runDocker(['--name=served', ...shop.docker], shop.command);
    await host.runPlain('served-plain', plain.plain, plain.command);
    const spans = await startCollector(host.folder);
    collector = spans;
    agent = await startAgent({ folder: host.folder, flags: [], collector, env: host.variables });
    const served = await askUntilNamed(ports.shop, spans);
    const servedPlain = await askUntilNamed(ports.plain, spans);
    assert.equal(served['container.name'], 'served');
    assert.equal(served['container.image.name'], 'spantap.test/busybox');
    assert.deepEqual(served['container.image.tags'], ['1']);
    assert.equal(servedPlain['container.name'], 'served-plain');
    const counters = await agent.stop();
    const own = spans
      .spans()
      .filter(({ attributes }) => /^\/containers\//.test(pathOf(attributes)));
    assert.deepEqual(own, []);
    assert.equal(counters['discover.container_lookups_failed'], 0);
  });
});

function pathOf(attributes: Attributes): string {
  return String(attributes['url.path'] ?? '');
}

/** The first span leaves before its runtime has answered, or after: ask until one is named. */
async function askUntilNamed(port: number, collector: Collector): Promise<Attributes> {
  const deadline = Date.now() + ANSWER_TIMEOUT_MS;
  for (;;) {
    await ask(port, '/').catch(() => undefined); // not listening yet
    const found = collector
      .spans()
      .find(
        ({ kind, attributes, resource }) =>
          kind === 'SERVER' &&
          attributes['network.local.port'] === port &&
          resource['container.name'] !== undefined,
      );
    if (found !== undefined) return found.resource;
    assert(Date.now() < deadline, `no named span of ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
