import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkRequirements,
  type HostState,
  isKernelAtLeast,
  parseCapabilities,
  readHostState,
} from '../../src/discover/requirements.ts';
import { TemporaryFolder } from './temporary.ts';

const ALL = ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_PTRACE', 'CAP_DAC_READ_SEARCH'] as const;

const GOOD: HostState = {
  uid: 0,
  capabilities: new Set(ALL),
  kernelRelease: '6.1.0-28-amd64',
  arch: 'x64',
  hasBtf: true,
  isFirstPidNamespace: true,
  isFirstUserNamespace: true,
  lockdown: 'none',
  lockedBytesMax: 8 * 1024 * 1024,
};

/** Changes to a good machine, the code of the error, and what its text must name. */
const MISSES: readonly (readonly [Partial<HostState>, code: string, names: RegExp])[] = [
  [{ arch: 'ppc64' }, 'architecture', /ppc64/],
  [{ kernelRelease: '5.4.0-150-generic' }, 'kernel_too_old', /5\.4\.0-150-generic.*5\.10/],
  [{ kernelRelease: 'unknown' }, 'kernel_too_old', /unknown/],
  [{ hasBtf: false }, 'no_btf', /\/sys\/kernel\/btf\/vmlinux/],
  [{ lockdown: 'confidentiality' }, 'bpf_lockdown', /confidentiality/],
  [{ isFirstUserNamespace: false }, 'user_namespace', /user namespace/],
  [{ isFirstPidNamespace: false }, 'pid_namespace', /pid namespace/],
  [{ uid: 1000, capabilities: new Set() }, 'not_root', /user 1000/],
  [
    { uid: 0, capabilities: new Set() },
    'capability_missing',
    /CAP_BPF.*CAP_PERFMON.*CAP_SYS_PTRACE/,
  ],
  [
    { uid: 7, capabilities: new Set(['CAP_BPF', 'CAP_SYS_PTRACE', 'CAP_DAC_READ_SEARCH']) },
    'capability_missing',
    /lacks CAP_PERFMON:/,
  ],
  [
    { capabilities: new Set(['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE']) },
    'capability_missing',
    /lacks CAP_DAC_READ_SEARCH:/,
  ],
  [{ kernelRelease: '5.10.0-46-amd64', lockedBytesMax: 65_536 }, 'locked_memory', /65536 bytes/],
];

test('a machine that has everything is accepted', () => {
  assert.deepEqual(checkRequirements(GOOD), []);
});

for (const [change, code, names] of MISSES) {
  test(`${JSON.stringify(change)} is reported as ${code}`, () => {
    const errors = checkRequirements({ ...GOOD, ...change });
    assert.deepEqual(
      errors.map((error) => error.code),
      [code],
    );
    assert.match(errors[0]?.message ?? '', names);
    assert.ok((errors[0]?.text.todo ?? '').length > 10, 'says what to do');
  });
}

test('CAP_SYS_ADMIN stands for BPF and PERFMON, CAP_SYS_RESOURCE lifts the memory limit', () => {
  const admin = new Set(['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_DAC_READ_SEARCH'] as const);
  assert.deepEqual(checkRequirements({ ...GOOD, capabilities: admin }), []);
  const old = { ...GOOD, kernelRelease: '5.10.0', lockedBytesMax: 0 };
  const resource = new Set([...ALL, 'CAP_SYS_RESOURCE'] as const);
  assert.deepEqual(checkRequirements({ ...old, capabilities: resource }), []);
  const unlimited = { ...old, lockedBytesMax: Number.POSITIVE_INFINITY };
  assert.deepEqual(checkRequirements(unlimited), []);
});

test('several misses are all named', () => {
  const state = { ...GOOD, hasBtf: false, kernelRelease: '4.19.0', isFirstPidNamespace: false };
  const codes = checkRequirements(state).map(({ code }) => code);
  assert.deepEqual(codes, ['kernel_too_old', 'no_btf', 'pid_namespace']);
});

test('capabilities are read from the effective set', () => {
  const status = 'Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t000000c000080004\n';
  assert.deepEqual([...parseCapabilities(status)].sort(), [...ALL].sort());
  assert.equal(parseCapabilities('CapEff:\t0000000000000000\n').size, 0);
  assert.equal(parseCapabilities('').size, 0);
});

test('kernel releases are compared by number', () => {
  assert.ok(isKernelAtLeast('5.10.0', 5, 10));
  assert.ok(isKernelAtLeast('6.1.0-28-amd64', 5, 10));
  assert.ok(isKernelAtLeast('5.100.1', 5, 11));
  assert.ok(!isKernelAtLeast('5.9.16', 5, 10));
  assert.ok(!isKernelAtLeast('4.20', 5, 10));
});

test('the state of a machine is read from /proc and /sys', (context) => {
  const folder = new TemporaryFolder(context);
  folder.file('proc/self/status', 'Uid:\t1000\t1001\t0\t0\nCapEff:\t0000008000000000\n');
  folder.file(
    'proc/self/limits',
    'Max locked memory         8388608              8388608              bytes     \n',
  );
  folder.file('proc/sys/kernel/osrelease', '6.12.0\n');
  folder.link('proc/self/ns/pid', 'pid:[4026531836]');
  folder.link('proc/self/ns/user', 'user:[4026532001]');
  folder.file('sys/kernel/security/lockdown', 'none [integrity] confidentiality\n');
  folder.file('sys/kernel/btf/vmlinux', 'x');
  const state = readHostState(`${folder.path}/proc`, `${folder.path}/sys`);
  assert.deepEqual(state, {
    uid: 1001,
    capabilities: new Set(['CAP_BPF']),
    kernelRelease: '6.12.0',
    arch: process.arch,
    hasBtf: true,
    isFirstPidNamespace: true,
    isFirstUserNamespace: false,
    lockdown: 'integrity',
    lockedBytesMax: 8_388_608,
  });
  const bare = readHostState(`${folder.path}/none`, `${folder.path}/none`);
  assert.equal(bare.hasBtf, false);
  assert.equal(bare.lockdown, undefined);
});
