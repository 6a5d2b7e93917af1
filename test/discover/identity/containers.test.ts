/** Identities of processes in containers, and tags. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { TagConfig } from '../../../src/config/file/types.ts';
import { limits } from '../../../src/config/limits.ts';
import { Identities } from '../../../src/discover/identity/identities.ts';
import type { Identity, ProcessSummary } from '../../../src/discover/identity/types.ts';
import { Inspector } from '../../../src/discover/plan.ts';
import type { HostFacts } from '../../../src/discover/proc/host.ts';
import { Containers } from '../../../src/discover/runtime/containers.ts';
import { dockerRuntime } from '../../../src/discover/runtime/docker.ts';
import type { Facts } from '../../../src/rules/fields/facts.ts';
import { SCHEMA } from '../../../src/rules/fields/schema.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { type FakeProcess, fakeProc, writeProcess } from '../fake-proc.ts';
import { type DockerAnswer, dockerContainer, fakeDocker } from '../runtime/fake-runtimes.ts';

const ID = 'c'.repeat(64);
const START_NS = 100 * 10_000_000;
const IN_CONTAINER = { cgroup: `0::/docker/${ID}\n` };
const HOST: HostFacts = { id: 'h', name: 'edge-1', arch: 'amd64', bootId: 'b', bootEpochMs: 0 };

interface Scene {
  readonly root: string;
  readonly identities: Identities;
  readonly counters: Counters;
  get(): Identity;
  /** Resolves when the runtime has answered. */
  answered(): Promise<Identity>;
}

/** One process, and a Docker that answers so about every container. */
async function scene(
  context: TestContext,
  process: Partial<FakeProcess>,
  answer?: DockerAnswer,
): Promise<Scene> {
  const root = fakeProc(context, [{ pid: 5, exe: '/usr/bin/api', comm: 'api', ...process }]);
  const sockets = answer === undefined ? [] : [await fakeDocker(context, () => answer)];
  const counters = new Counters();
  const identities = new Identities({
    inspector: new Inspector(undefined, root),
    containers: new Containers([dockerRuntime(sockets)]),
    version: '1',
    counters,
    host: HOST,
    root,
  });
  const get = () => identities.get(5, START_NS, 'api');
  return {
    root,
    identities,
    counters,
    get,
    answered: async () => {
      const first = get();
      while (get() === first) await new Promise((resolve) => setImmediate(resolve));
      return get();
    },
  };
}

const POD_LABELS = {
  'io.kubernetes.pod.name': 'shop-7d9',
  'io.kubernetes.pod.namespace': 'prod',
  'io.kubernetes.pod.uid': 'uid-1',
  'io.kubernetes.container.name': 'web',
};

test('an identity is what rules and records take', async (context) => {
  const { get } = await scene(context, {});
  const facts: Facts = get().facts;
  const process: ProcessSummary = get().process;
  assert.deepEqual(facts, {
    'src.process.path': '/usr/bin/api',
    'src.process.binary': 'api',
    'src.process.pid': 5,
    'src.process.hostname': 'edge-1',
    'src.process.user.id': 0,
    tags: [],
  });
  const none = { container: undefined, pod: undefined };
  assert.deepEqual(process, { pid: 5, exe: '/usr/bin/api', name: 'api', ...none });
});

test('a container is known by its id until its runtime has answered', async (context) => {
  const answer = dockerContainer('shop', 'registry:5000/web:2', { team: 'a' });
  const { get, answered } = await scene(context, IN_CONTAINER, answer);
  const before = get();
  assert.equal(before.facts['src.container.id'], ID.slice(0, 12));
  assert.equal(before.facts['src.container.name'], undefined);
  assert.deepEqual(before.process.container, { name: ID.slice(0, 12), image: '' });
  assert.equal(before.resource.attributes['container.id'], ID);

  const after = await answered();
  assert.notEqual(after.resource, before.resource);
  assert.equal(after.facts['src.container.name'], 'shop');
  assert.equal(after.facts['src.container.image'], 'registry:5000/web:2');
  assert.equal(after.facts['src.container.labels.team'], 'a');
  assert.deepEqual(after.process.container, { name: 'shop', image: 'registry:5000/web:2' });
  const { attributes } = after.resource;
  assert.equal(attributes['container.name'], 'shop');
  assert.equal(attributes['container.image.name'], 'registry:5000/web');
  assert.deepEqual(attributes['container.image.tags'], ['2']);
  assert.equal(attributes['container.runtime.name'], 'docker');
  assert.equal(attributes['container.label.team'], undefined);
  assert.equal(get(), after);
});

test('a pod is known by what the kubelet wrote into the labels', async (context) => {
  const { answered } = await scene(context, IN_CONTAINER, dockerContainer('k8s', '', POD_LABELS));
  const { facts, process, resource } = await answered();
  assert.equal(facts['src.pod.name'], 'shop-7d9');
  assert.equal(facts['src.pod.namespace'], 'prod');
  assert.deepEqual(process.pod, { name: 'shop-7d9', namespace: 'prod' });
  assert.equal(resource.attributes['k8s.pod.name'], 'shop-7d9');
  assert.equal(resource.attributes['k8s.namespace.name'], 'prod');
  assert.equal(resource.attributes['k8s.pod.uid'], 'uid-1');
  assert.equal(resource.attributes['k8s.container.name'], 'web');
});

test('every fact is a field that rules can name', async (context) => {
  const { answered, identities } = await scene(
    context,
    { ...IN_CONTAINER, environment: ['TEAM=a'] },
    dockerContainer('shop', 'web', { ...POD_LABELS, 'odd/label': 'x' }),
  );
  identities.configure({ tags: [tag('team', 'env', 'TEAM')] });
  const { facts } = await answered();
  const families = ['src.process.env.', 'src.container.labels.', 'src.pod.labels.'];
  for (const name of Object.keys(facts)) {
    const family = families.find((each) => name.startsWith(each));
    const field = family === undefined ? name : `${family}*`;
    assert(
      SCHEMA.fields.some((each) => each.name === field),
      name,
    );
  }
});

test('what the runtime says comes to spans of a process that has ended', async (context) => {
  const { root, get, answered } = await scene(context, IN_CONTAINER, dockerContainer('shop', ''));
  get();
  rmSync(join(root, '5'), { recursive: true });
  assert.equal((await answered()).facts['src.container.name'], 'shop');
  assert.equal(get().resource.attributes['process.executable.name'], 'api');
});

function tag(key: string, source: TagConfig['source'], location: string): TagConfig {
  return { key, source, location };
}

test('tags come from environment, container and pod, in the order of the file', async (context) => {
  const labels = { team: 'a', ...POD_LABELS, 'io.kubernetes.sandbox.id': ID };
  const pod = { ...labels, app: 'web', 'annotation.owner': 'a@b' };
  const { identities, answered } = await scene(
    context,
    { ...IN_CONTAINER, environment: ['STAGE=prod', 'SECRET=x'] },
    dockerContainer('shop', '', pod),
  );
  identities.configure({
    tags: [
      tag('owner', 'k8s.annotation', 'owner'),
      tag('stage', 'env', 'STAGE'),
      tag('none', 'env', 'MISSING'),
      tag('team', 'container.label', 'team'),
      tag('app', 'k8s.label', 'app'),
      tag('app', 'container.label', 'team'),
    ],
  });
  const { facts, tags, resource } = await answered();
  assert.deepEqual(tags, ['owner:a@b', 'stage:prod', 'team:a', 'app:web', 'app:a']);
  assert.deepEqual(facts.tags, tags);
  assert.equal(facts['src.process.env.STAGE'], 'prod');
  assert.equal(facts['src.process.env.SECRET'], undefined);
  const named = Object.entries(resource.attributes).filter(([key]) =>
    /^spantap\.|label|annotation/.test(key),
  );
  assert.deepEqual(Object.fromEntries(named), {
    'spantap.tag.owner': 'a@b',
    'spantap.tag.stage': 'prod',
    'spantap.tag.team': 'a',
    'spantap.tag.app': 'web',
    'k8s.pod.annotation.owner': 'a@b',
    'container.label.team': 'a',
    'k8s.pod.label.app': 'web',
  });
});

test('tags of a reload are those of processes that are known already', async (context) => {
  const { identities, get } = await scene(context, { environment: ['STAGE=prod', 'TEAM=a'] });
  const before = get();
  identities.configure({ tags: [tag('stage', 'env', 'STAGE')] });
  const after = get();
  assert.notEqual(after, before);
  assert.deepEqual(after.tags, ['stage:prod']);
  assert.equal(get(), after);
  identities.configure({ tags: [] });
  assert.deepEqual(get().tags, []);
});

test('after the end of a process no variable can be read any more', async (context) => {
  const { root, identities, get } = await scene(context, { environment: ['STAGE=prod', 'TEAM=a'] });
  identities.configure({ tags: [tag('stage', 'env', 'STAGE')] });
  get();
  // Another process with its pid.
  writeProcess(root, { pid: 5, startTicks: 999, environment: ['STAGE=other', 'TEAM=other'] });
  identities.configure({ tags: [tag('stage', 'env', 'STAGE'), tag('team', 'env', 'TEAM')] });
  assert.deepEqual(get().tags, ['stage:prod']);
});

test('a process that was never read has no tags, also after a reload', async (context) => {
  const { identities } = await scene(context, {});
  const gone = () => identities.get(77, START_NS, 'curl');
  const before = gone();
  assert.deepEqual(before.facts, {
    'src.process.binary': 'curl',
    'src.process.pid': 77,
    'src.process.hostname': 'edge-1',
    tags: [],
  });
  identities.configure({ tags: [tag('stage', 'env', 'STAGE')] });
  assert.equal(gone(), before);
});

test('a long value is cut, and counted', async (context) => {
  const environment = [`LONG=${'x'.repeat(limits.attributeBytesMax + 1)}`];
  const { identities, get, counters } = await scene(context, { environment });
  identities.configure({ tags: [tag('long', 'env', 'LONG')] });
  assert.equal(get().tags[0]?.length, 'long:'.length + limits.attributeBytesMax);
  assert.equal(counters.get('truncated.resource_attributes'), 1);
});
