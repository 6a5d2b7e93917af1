import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseContainerId, readContainer } from '../../../src/discover/proc/container.ts';
import { type FakeProcess, fakeProc } from '../fake-proc.ts';

const ID = 'a3b1c5'.padEnd(64, 'd');

/** Lines as the runtimes' documentation and trackers show them. */
const PATHS: Readonly<Record<string, string>> = {
  'Docker, cgroup v1': `12:memory:/docker/${ID}\n11:cpu:/docker/${ID}\n`,
  'Docker, systemd': `0::/system.slice/docker-${ID}.scope\n`,
  'containerd in Kubernetes': `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12345678_1234_1234_1234_123456789012.slice/cri-containerd-${ID}.scope\n`,
  'Kubernetes, cgroupfs': `0::/kubepods/besteffort/pod12345678-1234-1234-1234-123456789012/${ID}\n`,
  'CRI-O': `0::/kubepods.slice/crio-${ID}.scope/container\n`,
  Podman: `0::/machine.slice/libpod-${ID}.scope\n`,
  'a private cgroup namespace seen from the host': `0::/../docker-${ID}.scope\n`,
};

for (const [runtime, text] of Object.entries(PATHS)) {
  test(`the container id is found: ${runtime}`, () => {
    assert.equal(parseContainerId(text), ID);
  });
}

test('the innermost of nested containers counts', () => {
  const outer = 'e'.repeat(64);
  assert.equal(parseContainerId(`0::/docker/${outer}/docker/${ID}\n`), ID);
});

test('ECS on Fargate has ids of its own', () => {
  const id = `${'0123456789abcdef'.repeat(2)}-1234567890`;
  assert.equal(parseContainerId(`1:name=systemd:/ecs/task/${id}\n`), id);
});

test('processes outside of containers have none', () => {
  assert.equal(parseContainerId('0::/user.slice/user-1000.slice/session-3.scope\n'), undefined);
  assert.equal(parseContainerId('0::/system.slice/nginx.service\n'), undefined);
  assert.equal(parseContainerId('0::/\n'), undefined);
  assert.equal(parseContainerId(''), undefined);
});

/** A process in a container of containerd: the shim forked its first process, that forked it. */
function contained(
  cgroup: string,
  shim: { namespace: string; id: string } & Partial<FakeProcess>,
): FakeProcess[] {
  const { namespace, id, ...rest } = shim;
  const exe = '/usr/bin/containerd-shim-runc-v2';
  const commandLine = [exe, '-namespace', namespace, '-id', id, '-address', '/run/c.sock'];
  return [
    { pid: 10, parentPid: 1, comm: 'containerd-shim', exe, commandLine, ...rest },
    { pid: 11, parentPid: 10, exe: '/bin/sh', cgroup },
    { pid: 12, parentPid: 11, exe: '/usr/bin/api', cgroup },
  ];
}

test('the shim above a process tells who runs its container', (context) => {
  const cases = [
    ['moby', 'docker'],
    ['k8s.io', 'cri'],
    ['default', 'containerd'],
  ] as const;
  for (const [namespace, runtime] of cases) {
    // In a pod the shim has the id of the pod: that of the cgroup counts.
    const shim = { namespace, id: 'e'.repeat(64) };
    const root = fakeProc(context, contained(`0::/docker/${ID}\n`, shim));
    assert.deepEqual(readContainer(12, root), { id: ID, runtime, namespace });
  }
});

test('a container of ctr has any name, which its cgroup confirms', (context) => {
  const read = (cgroup: string, shim: Parameters<typeof contained>[1]) =>
    readContainer(12, fakeProc(context, contained(cgroup, shim)))?.id;
  const web = { namespace: 'default', id: 'web' };
  assert.equal(read('0::/default/web\n', web), 'web');
  assert.equal(read('0::/system.slice/default-web.scope\n', web), 'web');
  assert.equal(read('0::/system.slice/other.service\n', web), undefined);
  assert.equal(read('0::/default/web\n', { namespace: 'default', id: '' }), undefined);
});

test('a program of another user that calls itself a shim is none', (context) => {
  const status = 'Name:\tcontainerd-shim\nUid:\t1000\t1000\t1000\t1000\n';
  const shim = { namespace: 'default', id: 'web', status };
  const root = fakeProc(context, contained('0::/default/web\n', shim));
  assert.equal(readContainer(12, root), undefined);
});

test('without a shim the cgroup tells who may run the container', (context) => {
  const runtimeOf = (cgroup: string) =>
    readContainer(5, fakeProc(context, [{ pid: 5, exe: '/usr/bin/api', cgroup }]))?.runtime;
  assert.equal(runtimeOf(PATHS['CRI-O'] ?? ''), 'cri');
  assert.equal(runtimeOf(PATHS['Docker, systemd'] ?? ''), 'docker');
  assert.equal(runtimeOf(PATHS['Docker, cgroup v1'] ?? ''), 'docker');
  assert.equal(runtimeOf(PATHS['containerd in Kubernetes'] ?? ''), undefined);
});

test('for services and sessions of the host nothing more is looked at', (context) => {
  // The shim would have the same name.
  const shim = { namespace: 'default', id: 'web.service' };
  const paths = ['/', '/init.scope', '/system.slice/web.service', '/user.slice/web.service'];
  for (const path of paths) {
    const root = fakeProc(context, contained(`0::${path}\n`, shim));
    assert.equal(readContainer(12, root), undefined, path);
  }
  const inside = fakeProc(
    context,
    contained('0::/default/web.service/system.slice/a.service\n', shim),
  );
  assert.equal(readContainer(12, inside)?.id, 'web.service');
});

test('a process outside of containers is in none', (context) => {
  const root = fakeProc(context, [
    { pid: 5, exe: '/usr/bin/api', cgroup: '0::/system.slice/api.service\n' },
    { pid: 6, exe: '/usr/bin/api', cgroup: '0::/\n' },
  ]);
  for (const pid of [5, 6, 7]) assert.equal(readContainer(pid, root), undefined);
});
