import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseContainerId } from '../../../src/discover/proc/container.ts';

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
