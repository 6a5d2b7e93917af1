/**
 * What this machine must offer before anything is loaded, each miss as an error that names it and
 * says what to do. Features of the kernel that only a trial can tell are probed by the addon.
 */
import { arch, release } from 'node:os';
import { AgentError } from '../telemetry/agent-error.ts';
import { bracketNumber, canRead, PROC_ROOT, readProcLink, readProcText } from './proc/files.ts';

/** Capabilities that the agent uses (linux/capability.h), with what each is for. */
const CAPABILITY_BITS = {
  CAP_DAC_READ_SEARCH: 2,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
} as const;

export type Capability = keyof typeof CAPABILITY_BITS;

const PURPOSE: readonly (readonly [Capability, string])[] = [
  ['CAP_BPF', 'to load BPF programs'],
  ['CAP_PERFMON', 'to attach them to tracepoints and functions'],
  ['CAP_SYS_PTRACE', 'to read /proc/PID of processes of other users'],
  ['CAP_DAC_READ_SEARCH', 'to read executables of other users'],
];

/** Inode numbers of the first pid and user namespace (linux/proc_ns.h). */
const FIRST_PID_NAMESPACE = 0xeffffffc;
const FIRST_USER_NAMESPACE = 0xeffffffd;

/** Until 5.10 BPF memory counts against the limit of locked memory. */
const LOCKED_BYTES_MIN = 64 * 1024 * 1024;

export interface HostState {
  readonly uid: number;
  readonly capabilities: ReadonlySet<Capability>;
  readonly kernelRelease: string;
  /** Node's name of the architecture. */
  readonly arch: string;
  readonly hasBtf: boolean;
  readonly isFirstPidNamespace: boolean;
  readonly isFirstUserNamespace: boolean;
  /** Kernel lockdown: 'none', 'integrity', 'confidentiality'; undefined where it does not exist. */
  readonly lockdown: string | undefined;
  /** Soft limit of locked memory; Infinity when there is none. */
  readonly lockedBytesMax: number;
}

export function readHostState(root = PROC_ROOT, sys = '/sys'): HostState {
  const status = readProcText(`${root}/self/status`) ?? '';
  const lockdown = readProcText(`${sys}/kernel/security/lockdown`);
  return {
    uid: Number(status.match(/^Uid:\s+\d+\s+(\d+)/m)?.[1] ?? -1),
    capabilities: parseCapabilities(status),
    kernelRelease: (readProcText(`${root}/sys/kernel/osrelease`) ?? release()).trim(),
    arch: arch(),
    hasBtf: canRead(`${sys}/kernel/btf/vmlinux`),
    isFirstPidNamespace: namespaceInode(root, 'pid') === FIRST_PID_NAMESPACE,
    isFirstUserNamespace: namespaceInode(root, 'user') === FIRST_USER_NAMESPACE,
    lockdown: lockdown?.match(/\[(\w+)\]/)?.[1],
    lockedBytesMax: parseLockedMemory(readProcText(`${root}/self/limits`) ?? ''),
  };
}

function namespaceInode(root: string, kind: 'pid' | 'user'): number {
  return bracketNumber(readProcLink(`${root}/self/ns/${kind}`));
}

/** CapEff of /proc/PID/status: 64 bits in hex. */
export function parseCapabilities(status: string): ReadonlySet<Capability> {
  const bits = BigInt(`0x${status.match(/^CapEff:\s*([0-9a-fA-F]+)/m)?.[1] ?? '0'}`);
  const names = Object.keys(CAPABILITY_BITS) as Capability[];
  return new Set(names.filter((name) => ((bits >> BigInt(CAPABILITY_BITS[name])) & 1n) === 1n));
}

function parseLockedMemory(text: string): number {
  const soft = text.match(/^Max locked memory\s+(\S+)/m)?.[1] ?? 'unlimited';
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/** What is missing, worst first; empty when the agent can start. */
export function checkRequirements(state: HostState): AgentError[] {
  return [
    checkArchitecture(state),
    checkKernel(state),
    checkBtf(state),
    checkLockdown(state),
    checkUserNamespace(state),
    checkCapabilities(state),
    checkPidNamespace(state),
    checkLockedMemory(state),
  ].filter((error) => error !== undefined);
}

function checkArchitecture({ arch: name }: HostState): AgentError | undefined {
  if (name === 'x64' || name === 'arm64') return undefined;
  return new AgentError('architecture', {
    what: `processors of type ${name} are not supported`,
    todo: 'run the agent on x86-64 or arm64',
  });
}

/** Whether a release such as `6.1.0-28-amd64` is at least `major.minor`. */
export function isKernelAtLeast(text: string, major: number, minor: number): boolean {
  const match = text.match(/^(\d+)\.(\d+)/);
  const [haveMajor, haveMinor] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)];
  return haveMajor > major || (haveMajor === major && haveMinor >= minor);
}

function checkKernel({ kernelRelease }: HostState): AgentError | undefined {
  if (isKernelAtLeast(kernelRelease, 5, 10)) return undefined;
  return new AgentError('kernel_too_old', {
    what: `the kernel (${kernelRelease}) is too old`,
    why: 'spantap needs Linux 5.10 or later',
    todo: 'upgrade the kernel: Debian 11, Ubuntu 22.04, RHEL 9 and later have one',
  });
}

function checkBtf({ hasBtf }: HostState): AgentError | undefined {
  if (hasBtf) return undefined;
  return new AgentError('no_btf', {
    what: 'the kernel does not describe its own types (BTF)',
    why: '/sys/kernel/btf/vmlinux is missing or unreadable',
    todo: 'use a kernel built with CONFIG_DEBUG_INFO_BTF=y; in a container, mount /sys',
  });
}

function checkLockdown({ lockdown }: HostState): AgentError | undefined {
  if (lockdown !== 'confidentiality') return undefined;
  return new AgentError('bpf_lockdown', {
    what: 'the kernel forbids BPF programs to read its memory',
    why: 'it is locked down in mode confidentiality (/sys/kernel/security/lockdown)',
    todo: 'boot with lockdown=integrity or without lockdown',
  });
}

function checkUserNamespace({ isFirstUserNamespace }: HostState): AgentError | undefined {
  if (isFirstUserNamespace) return undefined;
  return new AgentError('user_namespace', {
    what: 'the agent runs in a user namespace of its own',
    why: 'capabilities inside of it do not count for BPF',
    todo: 'start it as root of the host, not in a rootless container or under unshare --user',
  });
}

function checkCapabilities({ uid, capabilities }: HostState): AgentError | undefined {
  // CAP_SYS_ADMIN includes BPF and PERFMON (linux/capability.h).
  const isCovered = (name: Capability) =>
    capabilities.has(name) ||
    (capabilities.has('CAP_SYS_ADMIN') && (name === 'CAP_BPF' || name === 'CAP_PERFMON'));
  const missing = PURPOSE.filter(([name]) => !isCovered(name));
  if (missing.length === 0) return undefined;
  if (uid !== 0 && missing.length === PURPOSE.length) {
    return new AgentError('not_root', {
      what: 'the agent needs root',
      why: `user ${uid} has none of ${PURPOSE.map(([name]) => name).join(', ')}`,
      todo: 'start it with sudo, or give it these capabilities',
    });
  }
  const names = missing.map(([name]) => name).join(', ');
  return new AgentError('capability_missing', {
    what: `the agent lacks ${names}`,
    why: missing.map(([name, purpose]) => `${name} is needed ${purpose}`).join('; '),
    todo:
      uid === 0
        ? 'start the container privileged or add the capabilities (--cap-add)'
        : 'add the capabilities (AmbientCapabilities= in a systemd unit) or start it with sudo',
  });
}

function checkPidNamespace({ isFirstPidNamespace }: HostState): AgentError | undefined {
  if (isFirstPidNamespace) return undefined;
  return new AgentError('pid_namespace', {
    what: 'the agent runs in a pid namespace of its own',
    why: 'the kernel names processes by the pids of the host, which it cannot look up from here',
    todo: 'share the namespace of the host: docker run --pid=host, hostPID: true in Kubernetes',
  });
}

function checkLockedMemory(state: HostState): AgentError | undefined {
  const { kernelRelease } = state;
  const isCounted = isKernelAtLeast(kernelRelease, 5, 10) && !isKernelAtLeast(kernelRelease, 5, 11);
  const isEnough = state.lockedBytesMax >= LOCKED_BYTES_MIN;
  if (!isCounted || isEnough || state.capabilities.has('CAP_SYS_RESOURCE')) return undefined;
  return new AgentError('locked_memory', {
    what: 'the limit of locked memory is too low for BPF maps',
    why: `kernel ${kernelRelease} counts them against it and it is ${state.lockedBytesMax} bytes`,
    todo: 'raise it (ulimit -l unlimited, LimitMEMLOCK=infinity) or add CAP_SYS_RESOURCE',
  });
}
