/**
 * Errors of the kernel side, by stable code. Native code throws the code alone (native/kernel.h
 * and native/addon.c); the words are here, once.
 */
import { getSystemErrorMessage } from 'node:util';
import { AgentError } from '../telemetry/agent-error.ts';

const BUILD_AGAIN = 'build it again: npm run setup';
const REPORT = 'spantap doctor tells which hooks this kernel has';

/** What is wrong, and what to do about it. */
const WORDS = {
  addon_missing: ['the native addon is not built', BUILD_AGAIN],
  layout_mismatch: ['the native addon is of another version than the sources', BUILD_AGAIN],
  bpf_object: ['a BPF object file is missing or damaged', BUILD_AGAIN],
  bpf_no_btf: [
    'this kernel has no type information (/sys/kernel/btf/vmlinux)',
    'use Linux 5.10 or later, built with CONFIG_DEBUG_INFO_BTF',
  ],
  bpf_permission: [
    'the kernel refused permission',
    'run as root, or with the capabilities BPF, PERFMON, SYS_PTRACE and DAC_READ_SEARCH',
  ],
  bpf_load: ['the kernel refused to load a BPF program', REPORT],
  bpf_attach: ['a BPF program could not be attached', REPORT],
  bpf_ring: ['the event ring could not be read', REPORT],
  bpf_map: ['a BPF map could not be read or written', REPORT],
  uprobe_attach: ['a probe in a program could not be attached', REPORT],
  uprobes_exhausted: ['there are more probes in programs than the agent keeps handles for', ''],
  kernel_closed: ['the kernel side is closed', ''],
  kernels_exhausted: ['too many kernel sides are open in this thread', ''],
  batch_too_small: ['the batch is smaller than the largest record', ''],
  batch_not_bytes: ['the batch is not a Uint8Array', ''],
  traffic_not_numbers: ['traffic settings are not the numbers that the addon takes', ''],
  walk_not_numbers: ['a layout of HAProxy is not the numbers that the addon takes', ''],
  no_memory: ['there is no memory left', ''],
} as const;

export type KernelErrorCode = keyof typeof WORDS;

/** What native code tells beside the code. */
interface NativeDetails {
  /** Of the failed call, 0 none. */
  readonly errno: number;
  /** The program, map or file that it is about. */
  readonly subject: string;
  /** End of what libbpf and the verifier said. */
  readonly log: string;
}

/** What the machine or the build cannot do; found at start, or when a probe is attached. */
export class KernelError extends AgentError {
  readonly errno: number;
  readonly subject: string;
  readonly log: string;

  constructor(code: KernelErrorCode, details: Partial<NativeDetails> = {}) {
    const [what, todo] = WORDS[code];
    const { errno = 0, subject = '', log = '' } = details;
    const causes = [subject, errno === 0 ? '' : getSystemErrorMessage(-errno), lastLine(log)];
    const why = causes.filter(Boolean).join(': ');
    super(code, { what, ...(why && { why }), ...(todo && { todo }) });
    this.name = 'KernelError';
    this.errno = errno;
    this.subject = subject;
    this.log = log;
  }
}

/** The line before libbpf's own closing ones is the verifier's verdict. */
function lastLine(log: string): string {
  const lines = log.split('\n').filter((line) => line && !/^(libbpf:|--|processed )/.test(line));
  return (lines.at(-1) ?? '').slice(0, 200);
}

/** Runs a call into the addon and gives its errors their words. */
export function worded<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const { code, ...details } = error as { code?: unknown } & Partial<NativeDetails>;
    if (typeof code === 'string' && Object.hasOwn(WORDS, code)) {
      throw new KernelError(code as KernelErrorCode, details);
    }
    throw error;
  }
}
