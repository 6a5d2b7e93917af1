import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { limits } from '../../../src/config/limits.ts';
import type { ContainerRef } from '../../../src/discover/proc/container.ts';
import { Containers } from '../../../src/discover/runtime/containers.ts';
import { NO_LABELS } from '../../../src/discover/runtime/labels.ts';
import { findSocket, socketPaths } from '../../../src/discover/runtime/sockets.ts';
import type { ContainerFacts, Runtime } from '../../../src/discover/runtime/types.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { TemporaryFolder } from '../temporary.ts';

const RETRY_MS = 1;

function refTo(id: string, runtime: ContainerRef['runtime'] = 'docker'): ContainerRef {
  return { id, runtime, namespace: '' };
}

function factsOf({ id }: ContainerRef, runtime = 'docker'): ContainerFacts {
  return { id, runtime, name: `name of ${id}`, image: '', labels: NO_LABELS, pod: undefined };
}

/** A socket that is there; nobody connects to it. */
async function socketAt(context: TestContext): Promise<string> {
  const path = join(new TemporaryFolder(context).path, 'a.sock');
  const server = createServer().listen(path);
  await once(server, 'listening');
  context.after(() => server.close());
  return path;
}

/** A runtime that answers as `find` does, and the containers that were asked for. */
async function runtimeOf(
  context: TestContext,
  find: (ref: ContainerRef) => Promise<ContainerFacts | undefined>,
): Promise<{ runtime: Runtime; asked: string[] }> {
  const asked: string[] = [];
  const runtime: Runtime = {
    sockets: [await socketAt(context)],
    mayRun: ({ runtime: name }) => name === 'docker',
    find: (ref) => {
      asked.push(ref.id);
      return find(ref);
    },
  };
  return { runtime, asked };
}

/** Resolves when `isDone` says so; every step is an event of the loop. */
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await turn();
}

test('a container is asked for once, and its answer found in the same object', async (context) => {
  const { runtime, asked } = await runtimeOf(context, async (ref) => factsOf(ref));
  const containers = new Containers([runtime]);
  const known = containers.get(refTo('a'));
  assert.equal(containers.get(refTo('a')).facts, undefined);
  assert.equal(containers.get(refTo('a')), known);
  await until(() => known.facts !== undefined);
  assert.equal(known.facts?.name, 'name of a');
  assert.equal(containers.get(refTo('a')), known);
  assert.deepEqual(asked, ['a']);
});

test('the same name in another namespace is another container', async (context) => {
  const { runtime } = await runtimeOf(context, async (ref) => factsOf(ref));
  const containers = new Containers([runtime]);
  const one = containers.get({ ...refTo('a'), namespace: 'x' });
  assert.notEqual(containers.get({ ...refTo('a'), namespace: 'y' }), one);
});

test('the first runtime that knows it counts', async (context) => {
  const none = await runtimeOf(context, async () => undefined);
  const first = await runtimeOf(context, async (ref) => factsOf(ref, 'first'));
  const second = await runtimeOf(context, async (ref) => factsOf(ref, 'second'));
  const all = [none.runtime, first.runtime, second.runtime];
  const known = new Containers(all).get(refTo('a'));
  await until(() => known.facts !== undefined);
  assert.equal(known.facts?.runtime, 'first');
  assert.deepEqual([none.asked, second.asked], [['a'], []]);
});

test('what no runtime of this host can know is not asked for', async (context) => {
  const { runtime, asked } = await runtimeOf(context, async (ref) => factsOf(ref));
  const counters = new Counters();
  const absent = { ...runtime, sockets: ['/nonexistent/a.sock'] };
  const containers = new Containers([absent, runtime], counters);
  containers.get(refTo('a', 'cri'));
  await turn();
  assert.deepEqual(asked, []);
  assert.equal(counters.get('discover.container_lookups'), 0);
});

test('a runtime that cannot be asked is tried again', async (context) => {
  let failures = 2;
  const counters = new Counters();
  const { runtime, asked } = await runtimeOf(context, async (ref) => {
    if (failures-- > 0) throw new Error('refused');
    return factsOf(ref);
  });
  const known = new Containers([runtime], counters, RETRY_MS).get(refTo('a'));
  await until(() => known.facts !== undefined);
  assert.equal(asked.length, 3);
  assert.equal(counters.get('discover.container_lookups'), 3);
  assert.equal(counters.get('discover.container_lookups_failed'), 2);
});

test('but not for ever, and not after the end', async (context) => {
  const counters = new Counters();
  const { runtime, asked } = await runtimeOf(context, async () => {
    throw new Error('refused');
  });
  new Containers([runtime], counters, RETRY_MS).get(refTo('a'));
  await until(() => asked.length === 5);
  const closed = new Containers([runtime], counters, RETRY_MS);
  closed.get(refTo('b'));
  // The answer is still under way.
  closed.close();
  await until(() => counters.get('discover.container_lookups_failed') === 6);
  await delay(4 * RETRY_MS);
  assert.deepEqual(asked, ['a', 'a', 'a', 'a', 'a', 'b']);
});

test('questions under way and waiting are bounded, and counted beyond', async (context) => {
  const counters = new Counters();
  const answers: (() => void)[] = [];
  const { runtime, asked } = await runtimeOf(
    context,
    (ref) => new Promise((resolve) => answers.push(() => resolve(factsOf(ref)))),
  );
  const containers = new Containers([runtime], counters);
  const { containerLookupsMax: atOnce, containerLookupsWaitingMax: waiting } = limits;
  const all = Array.from({ length: atOnce + waiting + 2 }, (_, index) =>
    containers.get(refTo(`c${index}`)),
  );
  assert.equal(asked.length, atOnce);
  assert.equal(counters.get('dropped.container_lookups'), 2);
  const isAnswered = () => all[atOnce + waiting - 1]?.facts !== undefined;
  while (!isAnswered()) {
    for (const answer of answers.splice(0)) answer();
    await turn();
  }
  assert.equal(all.at(-1)?.facts, undefined);
  assert.equal(asked.length, atOnce + waiting);
});

test('beyond the limit the oldest container is forgotten, and counted', async (context) => {
  const counters = new Counters();
  const { runtime } = await runtimeOf(context, async (ref) => factsOf(ref));
  const containers = new Containers([runtime], counters);
  // Of no runtime: nothing is asked.
  const first = containers.get(refTo('c0', 'cri'));
  for (let index = 1; index <= limits.containersMax; index += 1) {
    containers.get(refTo(`c${index}`, 'cri'));
  }
  assert.equal(counters.get('discover.containers_forgotten'), 1);
  assert.notEqual(containers.get(refTo('c0', 'cri')), first);
});

test('what a runtime takes to be asked is loaded before, where there is one', async (context) => {
  const loaded: string[] = [];
  const { runtime } = await runtimeOf(context, async () => undefined);
  const loading = (name: string) => ({
    load: async () => {
      loaded.push(name);
    },
  });
  const present = { ...runtime, ...loading('present') };
  const absent = { ...runtime, ...loading('absent'), sockets: ['/nonexistent/a.sock'] };
  await new Containers([runtime, present, absent]).prepare();
  assert.deepEqual(loaded, ['present']);
});

test('sockets are at the standard places, or where the variables of Qtap say', () => {
  const standard = socketPaths({});
  assert.deepEqual(standard.docker, ['/var/run/docker.sock']);
  assert.equal(standard.containerd[0], '/run/containerd/containerd.sock');
  assert.deepEqual(standard.cri, [...standard.containerd, '/var/run/crio/crio.sock']);
  const given = socketPaths({
    DOCKER_SOCKET: 'unix:///a.sock',
    CONTAINERD_SOCKET: '/b.sock',
    CRI_RUNTIME_SOCKET: ' /c.sock ',
  });
  assert.deepEqual(given, { docker: ['/a.sock'], containerd: ['/b.sock'], cri: ['/c.sock'] });
});

test('what leads away from this host is not asked', () => {
  const env = { DOCKER_SOCKET: 'tcp://10.0.0.1:2375', CRI_RUNTIME_SOCKET: '' };
  assert.deepEqual(socketPaths(env), socketPaths({}));
});

test('only a socket is taken for one', async (context) => {
  const file = new TemporaryFolder(context).file('docker.sock', '');
  const socket = await socketAt(context);
  assert.equal(findSocket(['/nonexistent', file, socket]), socket);
  assert.equal(findSocket([file]), undefined);
});
