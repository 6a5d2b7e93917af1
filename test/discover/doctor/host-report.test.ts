import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildHostReport } from '../../../src/discover/doctor/host-report.ts';
import { formatReport } from '../../../src/discover/doctor/report.ts';
import type { HostState } from '../../../src/discover/requirements.ts';
import type { HookFeature } from '../../../src/native/types.ts';
import { AgentError } from '../../../src/telemetry/agent-error.ts';

const GOOD: HostState = {
  uid: 0,
  capabilities: new Set(['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_PTRACE', 'CAP_DAC_READ_SEARCH']),
  kernelRelease: '6.12.1',
  arch: 'x64',
  hasBtf: true,
  isFirstPidNamespace: true,
  isFirstUserNamespace: true,
  lockdown: 'none',
  lockedBytesMax: Number.POSITIVE_INFINITY,
};

const FEATURES: readonly HookFeature[] = [
  { name: 'tracing of system calls', isAvailable: true, isRequired: true },
  {
    name: 'uprobe_multi',
    isAvailable: false,
    isRequired: false,
    why: 'the kernel is older than 6.6',
  },
];

test('a good machine can run the agent; optional hooks do not change that', () => {
  const report = buildHostReport(GOOD, FEATURES);
  assert.equal(report.exitCode, 0);
  assert.equal(
    formatReport(report),
    `Kernel
  ok     Linux 6.12.1, x64
  ok     BTF: the kernel describes its own types
  ok     lockdown: none

Rights
         user 0, capabilities: CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH
  ok     has the capabilities and sees the pids of the host

Hooks
  ok     tracing of system calls
  limit  uprobe_multi is not available: the kernel is older than 6.6 (optional)

The agent can run here.`,
  );
});

test('a required hook that is missing ends it', () => {
  const features = [{ name: 'ring buffer', isAvailable: false, isRequired: true, why: 'EPERM' }];
  const report = buildHostReport(GOOD, features);
  assert.equal(report.exitCode, 1);
  assert.match(formatReport(report), /NO {5}ring buffer is not available: EPERM/);
});

test('each miss of the machine is said with what to do', () => {
  const state = { ...GOOD, kernelRelease: '5.4.0', hasBtf: false, capabilities: new Set<never>() };
  const report = buildHostReport({ ...state, uid: 1000 }, undefined);
  const text = formatReport(report);
  assert.equal(report.exitCode, 1);
  assert.match(text, /NO {5}the kernel \(5\.4\.0\) is too old/);
  assert.match(text, /NO {5}the kernel does not describe its own types/);
  assert.match(text, /NO {5}the agent needs root/);
  assert.match(text, /what to do: start it with sudo/);
  assert.match(text, /not tried: the above comes first/);
  assert.doesNotMatch(text, /ok {5}Linux/);
  assert.match(report.verdict, /cannot run/);
});

test('an addon that cannot be loaded ends it, with what to do', () => {
  const missing = new AgentError('addon_missing', { what: 'not built', todo: 'build it' });
  const report = buildHostReport(GOOD, missing);
  assert.equal(report.exitCode, 1);
  assert.match(formatReport(report), /Hooks\n {2}NO {5}not built\n {9}what to do: build it/);
});
