/** Whether this machine can run the tests that need the kernel. */
import { existsSync, readFileSync } from 'node:fs';

const CAP_SYS_ADMIN = 21n;
const CAP_BPF = 39n;

function hasCapability(bit: bigint): boolean {
  const line = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'));
  const effective = BigInt(`0x${line?.[1] ?? '0'}`);
  return (effective & (1n << bit)) !== 0n;
}

/** In words what is missing; undefined when the tests can run. */
export function bpfObstacle(): string | undefined {
  if (process.geteuid?.() !== 0) return 'the kernel and end-to-end tests need root';
  if (!hasCapability(CAP_BPF) && !hasCapability(CAP_SYS_ADMIN)) {
    return 'the kernel and end-to-end tests need the capability BPF (root in a container lacks it)';
  }
  if (!existsSync('/sys/kernel/btf/vmlinux')) {
    return 'the kernel and end-to-end tests need BTF (/sys/kernel/btf/vmlinux)';
  }
  return undefined;
}
