/** Each runtime as its API documents it; test/e2e/discover/containers.test.ts asks real ones. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { limits } from '../../../src/config/limits.ts';
import type { ContainerRef } from '../../../src/discover/proc/container.ts';
import { containerdRuntime } from '../../../src/discover/runtime/containerd.ts';
import { criRuntime } from '../../../src/discover/runtime/cri.ts';
import { dockerRuntime } from '../../../src/discover/runtime/docker.ts';
import { encode } from '../../../src/discover/runtime/message.ts';
import type { ContainerFacts } from '../../../src/discover/runtime/types.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import {
  type DockerAnswer,
  dockerContainer,
  fakeDocker,
  fakeGrpc,
  type GrpcMethods,
  withEntries,
  wrap,
} from './fake-runtimes.ts';

const ID = 'a1'.repeat(32);
const POD_ID = 'b2'.repeat(32);
const REF: ContainerRef = { id: ID, runtime: undefined, namespace: '' };
const POD_LABELS = {
  'io.kubernetes.container.name': 'web',
  'io.kubernetes.pod.name': 'shop-7d9',
  'io.kubernetes.pod.namespace': 'prod',
  'io.kubernetes.pod.uid': 'uid-1',
};

/** With maps as objects, so that they compare. */
function plain(facts: ContainerFacts | undefined) {
  return JSON.parse(
    JSON.stringify(facts ?? null, (_, value) =>
      value instanceof Map ? Object.fromEntries(value) : value,
    ),
  );
}

async function askDocker(
  context: TestContext,
  answers: Readonly<Record<string, DockerAnswer>>,
  counters?: Counters,
) {
  const socket = await fakeDocker(context, (path) => {
    const id = /^\/containers\/(\w+)\/json$/.exec(path)?.[1] ?? '';
    return answers[id] ?? { status: 404, body: '{"message":"No such container"}' };
  });
  return dockerRuntime([socket], counters).find(REF, socket);
}

test('Docker tells name, image and labels', async (context) => {
  const found = await askDocker(context, {
    [ID]: dockerContainer('shop', 'nginx:1.25', { team: 'a' }),
  });
  assert.deepEqual(plain(found), {
    id: ID,
    runtime: 'docker',
    name: 'shop',
    image: 'nginx:1.25',
    labels: { team: 'a' },
  });
});

test('Docker under Kubernetes: labels name the pod, its own are those of its sandbox', async (context) => {
  const labels = { ...POD_LABELS, 'io.kubernetes.sandbox.id': POD_ID };
  const pod = { app: 'shop', 'annotation.owner': 'a@b', 'io.kubernetes.pod.name': 'shop-7d9' };
  const found = await askDocker(context, {
    [ID]: dockerContainer('k8s_web', 'nginx', labels),
    [POD_ID]: dockerContainer('k8s_POD', 'pause', pod),
  });
  assert.deepEqual(plain(found).pod, {
    name: 'shop-7d9',
    namespace: 'prod',
    uid: 'uid-1',
    containerName: 'web',
    labels: { app: 'shop', 'io.kubernetes.pod.name': 'shop-7d9' },
    annotations: { owner: 'a@b' },
  });
});

test('Docker does not know every container', async (context) => {
  assert.equal(await askDocker(context, {}), undefined);
});

test('answers of Docker that are none are failures', async (context) => {
  const huge = `{"Name":"${'x'.repeat(limits.containerAnswerBytesMax)}"}`;
  const cases: readonly [DockerAnswer, RegExp][] = [
    [{ body: '{' }, /JSON/],
    [{ status: 500, body: '{}' }, /status 500/],
    [{ body: huge }, /too large/],
  ];
  for (const [answer, reason] of cases) {
    await assert.rejects(askDocker(context, { [ID]: answer }), reason);
  }
});

test('an answer with other types than documented tells nothing', async (context) => {
  const odd = { Name: 5, Config: { Image: null, Labels: { a: 1, __proto__: 'x' } } };
  const found = await askDocker(context, { [ID]: { body: JSON.stringify(odd) } });
  assert.deepEqual(plain(found), {
    id: ID,
    runtime: 'docker',
    name: '',
    image: '',
    labels: { a: '' },
  });
});

test('labels beyond the limits are dropped or cut, and counted', async (context) => {
  const counters = new Counters();
  const many = Object.fromEntries(
    Array.from({ length: limits.containerLabelsMax + 2 }, (_, index) => [`k${index}`, 'v']),
  );
  const long = 'ä'.repeat(limits.containerLabelBytesMax);
  const answer = dockerContainer('shop', 'nginx', { long, ...many });
  const found = await askDocker(context, { [ID]: answer }, counters);
  assert.equal(found?.labels.size, limits.containerLabelsMax);
  assert.equal(found?.labels.get('long'), 'ä'.repeat(limits.containerLabelBytesMax / 2));
  assert.equal(counters.get('dropped.container_labels'), 3);
  assert.equal(counters.get('truncated.container_labels'), 1);
});

const CRI = '/runtime.v1.RuntimeService';

/** A container in a pod whose image the kubelet asked for as `image`. */
function kubernetes(image: Uint8Array): GrpcMethods {
  const container = withEntries(
    8,
    POD_LABELS,
    encode({ 1: ID, 2: POD_ID, 3: { 1: 'web' } }),
    wrap(4, image),
  );
  const pod = withEntries(
    6,
    { owner: 'a@b' },
    withEntries(5, { app: 'shop' }, encode({ 1: POD_ID })),
  );
  const one = (id: string, found: Uint8Array) => (wanted: string) =>
    wanted === id ? wrap(1, found) : new Uint8Array();
  const [containers, pods] = [one(ID, container), one(POD_ID, pod)];
  return {
    [`${CRI}/ListContainers`]: (request) => containers(request.message(1).text(1)),
    [`${CRI}/ListPodSandbox`]: (request) => pods(request.message(1).text(1)),
    [`${CRI}/ContainerStatus`]: () => encode({ 1: { 8: { 1: 'registry:5000/web:2' } } }),
    [`${CRI}/Version`]: () => encode({ 1: '0.1.0', 2: 'cri-o' }),
  };
}

async function askCri(context: TestContext, methods: GrpcMethods, ref = REF) {
  const socket = await fakeGrpc(context, methods);
  return criRuntime([socket]).find(ref, socket);
}

test('CRI tells the container and its pod', async (context) => {
  const found = await askCri(context, kubernetes(encode({ 1: 'nginx:1.25' })));
  assert.deepEqual(plain(found), {
    id: ID,
    runtime: 'cri-o',
    name: 'web',
    image: 'nginx:1.25',
    labels: POD_LABELS,
    pod: {
      name: 'shop-7d9',
      namespace: 'prod',
      uid: 'uid-1',
      containerName: 'web',
      labels: { app: 'shop' },
      annotations: { owner: 'a@b' },
    },
  });
});

test('CRI: an image that is only an id has the name that its user gave, or one of its tags', async (context) => {
  const digest = `sha256:${'c'.repeat(64)}`;
  const named = await askCri(context, kubernetes(encode({ 1: digest, 18: 'web:2' })));
  assert.equal(named?.image, 'web:2');
  const unnamed = await askCri(context, kubernetes(encode({ 1: digest })));
  assert.equal(unnamed?.image, 'registry:5000/web:2');
});

test('CRI does not know every container, also not by a part of its id', async (context) => {
  const methods = kubernetes(encode({ 1: 'nginx' }));
  const ref = { ...REF, id: ID.slice(0, 12) };
  const all = { ...methods, [`${CRI}/ListContainers`]: () => wrap(1, encode({ 1: ID })) };
  assert.equal(await askCri(context, all, ref), undefined);
  assert.equal(
    await askCri(context, { ...all, [`${CRI}/ListContainers`]: () => new Uint8Array() }),
    undefined,
  );
});

const GET = '/containerd.services.containers.v1.Containers/Get';

async function askContainerd(context: TestContext, methods: GrpcMethods) {
  const socket = await fakeGrpc(context, methods);
  const ref: ContainerRef = { id: 'web', runtime: 'containerd', namespace: 'default' };
  return containerdRuntime([socket]).find(ref, socket);
}

test('containerd tells image and labels of a container in its namespace', async (context) => {
  let namespace: unknown;
  const container = (labels: Readonly<Record<string, string>>) => ({
    [GET]: (_: unknown, headers: Readonly<Record<string, unknown>>) => {
      namespace = headers['containerd-namespace'];
      return wrap(1, withEntries(2, labels, encode({ 1: 'web', 3: 'docker.io/library/nginx:1' })));
    },
  });
  assert.deepEqual(plain(await askContainerd(context, container({ app: 'x' }))), {
    id: 'web',
    runtime: 'containerd',
    name: 'web',
    image: 'docker.io/library/nginx:1',
    labels: { app: 'x' },
  });
  assert.equal(namespace, 'default');
  const named = await askContainerd(context, container({ 'nerdctl/name': 'shop' }));
  assert.equal(named?.name, 'shop');
});

test('gRPC: what is not found is unknown, everything else is a failure', async (context) => {
  assert.equal(
    await askContainerd(context, { [GET]: () => ({ code: status.NOT_FOUND }) }),
    undefined,
  );
  const failures = [
    () => ({ code: status.PERMISSION_DENIED }),
    () => Buffer.from([0x0a, 9, 1]),
    () => encode({ 1: 'x'.repeat(limits.containerAnswerBytesMax) }),
  ];
  for (const answer of failures) {
    await assert.rejects(askContainerd(context, { [GET]: answer }));
  }
});

test('no runtime is waited for longer than the limit', async (context) => {
  const docker = await fakeDocker(context, () => undefined);
  const grpc = await fakeGrpc(context, { [GET]: () => undefined });
  const ref: ContainerRef = { id: 'web', runtime: 'containerd', namespace: 'default' };
  await Promise.all([
    assert.rejects(dockerRuntime([docker]).find(REF, docker), { name: 'AbortError' }),
    assert.rejects(containerdRuntime([grpc]).find(ref, grpc), { code: status.DEADLINE_EXCEEDED }),
  ]);
});
