/**
 * What a uprobe costs is decided by the instruction under it: the kernel emulates a few kinds (one
 * trap, about 0.5 us) and single-steps all others (a second trap, several us on some machines).
 * Here: which kind is it, and is there an emulated one close behind the entry with the arguments
 * still in their registers.
 */
import type { Machine } from './elf.ts';

export interface ProbeSite {
  /** Bytes to add to the entry of the function. */
  readonly skipBytes: number;
  /** The kernel emulates the instruction there. */
  readonly isCheap: boolean;
}

/** Bytes of a function's start that decide. */
export const PROLOGUE_BYTES = 64;

/** `endbr64`: not emulated, changes nothing; a probe can sit behind it. */
const ENDBR64 = Buffer.from('f30f1efa', 'hex');

/** Go, amd64: `cmp 0x10(%r14),%rsp`: compares with the stack guard of g; ABIInternal since 1.17. */
const GO_CHECK_SMALL = Buffer.from('493b6610', 'hex');
/** `lea -disp8(%rsp),%r12; cmp 0x10(%r14),%r12`, and the same with disp32: larger frames. */
const GO_LEA_DISP8 = Buffer.from('4c8d6424', 'hex');
const GO_LEA_DISP32 = Buffer.from('4c8da424', 'hex');
const GO_CHECK_LARGE = Buffer.from('4d3b6610', 'hex');
/** Go, arm64: `ldr x16,[x28,#16]`: loads the stack guard of g. */
const GO_CHECK_ARM64 = 0xf940_0b90;

/**
 * Where to probe a C function at its entry: the entry itself, or behind `endbr64`. Arguments and
 * the return address are untouched there, so it serves entry and return probes.
 */
export function functionSite(code: Buffer, machine: Machine): ProbeSite {
  const skipBytes = machine === 'x64' && code.subarray(0, 4).equals(ENDBR64) ? 4 : 0;
  const isCheap = isEmulated(code.subarray(skipBytes), machine);
  return isCheap ? { skipBytes, isCheap } : { skipBytes: 0, isCheap };
}

/**
 * Where to probe a Go function: at the conditional jump of its stack check, which is emulated and
 * changes no argument register. Undefined when the code does not begin with the stack check of a
 * register-based Go function: then the address or the ABI is not what it was taken for.
 */
export function goFunctionSite(code: Buffer, machine: Machine): ProbeSite | undefined {
  if (machine === 'arm64') {
    return code.length >= 4 && code.readUInt32LE(0) === GO_CHECK_ARM64
      ? { skipBytes: 0, isCheap: false }
      : undefined;
  }
  if (machine !== 'x64') return undefined;
  const skipBytes = goStackCheckBytes(code);
  if (skipBytes === undefined) return undefined;
  const isCheap = isEmulated(code.subarray(skipBytes), machine);
  return isCheap ? { skipBytes, isCheap } : { skipBytes: 0, isCheap };
}

function goStackCheckBytes(code: Buffer): number | undefined {
  const has = (bytes: Buffer, at: number) => code.subarray(at, at + bytes.length).equals(bytes);
  if (has(GO_CHECK_SMALL, 0)) return 4;
  if (has(GO_LEA_DISP8, 0) && has(GO_CHECK_LARGE, 5)) return 9;
  if (has(GO_LEA_DISP32, 0) && has(GO_CHECK_LARGE, 8)) return 12;
  return undefined;
}

/** Whether the kernel emulates the first instruction of `code` (arch/<arch>/kernel/uprobes.c). */
export function isEmulated(code: Buffer, machine: Machine): boolean {
  if (machine === 'x64') return isEmulatedX64(code);
  return machine === 'arm64' && code.length >= 4 && isEmulatedArm64(code.readUInt32LE(0));
}

/**
 * arch/x86/kernel/uprobes.c: branch_setup_xol_ops takes jmp, call, jcc and nop (0x90 with any
 * prefix), push_setup_xol_ops push of a register with no prefix but REX.B. The five-byte nop is
 * emulated since 6.18 only and not counted.
 */
function isEmulatedX64(code: Buffer): boolean {
  const first = code[0] ?? 0;
  const second = code[1] ?? 0;
  const isPush = first >= 0x50 && first <= 0x57;
  const isPushHigh = first === 0x41 && second >= 0x50 && second <= 0x57;
  const isShortJump = (first >= 0x70 && first <= 0x7f) || first === 0xeb;
  const isNearJump = first === 0xe9 || (first === 0x0f && second >= 0x80 && second <= 0x8f);
  const isCall = first === 0xe8;
  const isNop = first === 0x90 || (first === 0x66 && second === 0x90);
  return isPush || isPushHigh || isShortJump || isNearJump || isCall || isNop;
}

/** arch/arm64/kernel/probes/decode-insn.c: branches, adr/adrp and literal loads are simulated. */
function isEmulatedArm64(word: number): boolean {
  const matches = (mask: number, value: number) => (word & mask) >>> 0 === value;
  return (
    matches(0x7c000000, 0x14000000) || // b, bl
    matches(0xff000000, 0x54000000) || // b.cond
    matches(0x7e000000, 0x34000000) || // cbz, cbnz
    matches(0x7e000000, 0x36000000) || // tbz, tbnz
    matches(0xff9ffc1f, 0xd61f0000) || // br, blr, ret
    matches(0x1f000000, 0x10000000) || // adr, adrp
    matches(0xbf000000, 0x18000000) // ldr literal
  );
}
