/**
 * Errors of the kernel side, by stable code. Native code throws the code alone; the words are
 * here, once.
 */
const WORDS = {
  ADDON_MISSING: 'the native addon is not built: run the set-up (npm run build)',
  LAYOUT_MISMATCH:
    'the native addon was built from another version of the event layout: build it again',
  BPF_OPEN: 'a BPF object file is missing or damaged: build it again',
  BPF_NO_BTF:
    'this kernel has no type information (/sys/kernel/btf/vmlinux): it needs Linux 5.10 or ' +
    'later with CONFIG_DEBUG_INFO_BTF',
  BPF_PERMISSION:
    'the kernel refused permission: run as root, or with the capabilities BPF, PERFMON, ' +
    'SYS_PTRACE and DAC_READ_SEARCH',
  BPF_LOAD: 'the kernel refused a BPF program',
  BPF_ATTACH: 'a BPF program could not be attached',
  BPF_RING: 'the event ring could not be read',
  BPF_MAP: 'a BPF map could not be read or written',
  BPF_UPROBE: 'a user-space probe could not be attached',
  BPF_TOO_MANY: 'more user-space probes than the agent keeps handles for',
  KERNEL_CLOSED: 'the kernel side is closed',
  KERNEL_TOO_MANY: 'too many kernel sides are open in this thread',
  BATCH_TOO_SMALL: 'the batch is smaller than the largest record',
  BATCH_NOT_BYTES: 'the batch is not a Uint8Array',
  NO_MEMORY: 'out of memory',
} as const;

export type KernelErrorCode = keyof typeof WORDS;

/** What the machine or the build cannot do; found at start, or when a probe is attached. */
export class KernelError extends Error {
  readonly code: KernelErrorCode;
  /** errno of the failed call, 0 none. */
  readonly errno: number;
  /** The program, map or file that it is about; empty when there is none. */
  readonly subject: string;
  /** End of what libbpf and the verifier said. */
  readonly log: string;

  constructor(code: KernelErrorCode, details: Partial<NativeDetails> = {}) {
    const subject = details.subject ? ` (${details.subject})` : '';
    super(`${WORDS[code]}${subject}`);
    this.name = 'KernelError';
    this.code = code;
    this.errno = details.errno ?? 0;
    this.subject = details.subject ?? '';
    this.log = details.log ?? '';
  }
}

interface NativeDetails {
  readonly errno: number;
  readonly subject: string;
  readonly log: string;
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
