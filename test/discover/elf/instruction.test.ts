import assert from 'node:assert/strict';
import { test } from 'node:test';
import { functionSite, goFunctionSite, isEmulated } from '../../../src/discover/elf/instruction.ts';

const code = (hex: string) => Buffer.from(hex.padEnd(64, '0'), 'hex');

/** First bytes, disassembly, and whether arch/x86/kernel/uprobes.c emulates it. */
const X64: readonly (readonly [hex: string, text: string, isCheap: boolean])[] = [
  ['55', 'push %rbp', true],
  ['4157', 'push %r15', true],
  ['4055', 'rex push %rbp', false],
  ['90', 'nop', true],
  ['6690', 'xchg %ax,%ax', true],
  ['0f1f440000', 'nopl 0x0(%rax,%rax,1)', false],
  ['f30f1efa', 'endbr64', false],
  ['7405', 'je', true],
  ['0f8600010000', 'jbe near', true],
  ['eb10', 'jmp short', true],
  ['e900010000', 'jmp near', true],
  ['e800010000', 'call', true],
  ['4883ec18', 'sub $0x18,%rsp', false],
  ['4889e5', 'mov %rsp,%rbp', false],
  ['493b6610', 'cmp 0x10(%r14),%rsp', false],
  ['c3', 'ret', false],
];

for (const [hex, text, isCheap] of X64) {
  test(`x86-64: ${text} is ${isCheap ? 'emulated' : 'single-stepped'}`, () => {
    assert.equal(isEmulated(code(hex), 'x64'), isCheap);
  });
}

const ARM64: readonly (readonly [word: number, text: string, isCheap: boolean])[] = [
  [0x14000010, 'b', true],
  [0x94000010, 'bl', true],
  [0x54000049, 'b.ls', true],
  [0xb4000040, 'cbz', true],
  [0x36000040, 'tbz', true],
  [0xd65f03c0, 'ret', true],
  [0x90000000, 'adrp', true],
  [0xa9bf7bfd, 'stp x29,x30,[sp,#-16]!', false],
  [0xf9400b90, 'ldr x16,[x28,#16]', false],
  [0xd503233f, 'paciasp', false],
];

for (const [word, text, isCheap] of ARM64) {
  test(`arm64: ${text} is ${isCheap ? 'simulated' : 'single-stepped'}`, () => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(word);
    assert.equal(isEmulated(bytes, 'arm64'), isCheap);
  });
}

test('a probe sits behind endbr64 when what follows is emulated', () => {
  assert.deepEqual(functionSite(code('f30f1efa4157'), 'x64'), { skipBytes: 4, isCheap: true });
  assert.deepEqual(functionSite(code('f30f1efa4883ec18'), 'x64'), { skipBytes: 0, isCheap: false });
  assert.deepEqual(functionSite(code('4157'), 'x64'), { skipBytes: 0, isCheap: true });
});

test('a Go function is probed at the jump of its stack check, whatever its frame', () => {
  const small = code('493b66100f8600000000');
  const medium = code('4c8d6424a04d3b66100f8600000000');
  const large = code('4c8da42400ffffff4d3b66100f8600000000');
  assert.deepEqual(goFunctionSite(small, 'x64'), { skipBytes: 4, isCheap: true });
  assert.deepEqual(goFunctionSite(medium, 'x64'), { skipBytes: 9, isCheap: true });
  assert.deepEqual(goFunctionSite(large, 'x64'), { skipBytes: 12, isCheap: true });
});

test('code that is no register-based Go function has no site', () => {
  assert.equal(goFunctionSite(code('5590'), 'x64'), undefined);
  assert.equal(goFunctionSite(code('64488b0c25f8ffffff483b6110'), 'x64'), undefined);
  assert.equal(goFunctionSite(Buffer.alloc(0), 'x64'), undefined);
  assert.equal(goFunctionSite(code('493b6610'), 'other'), undefined);
});
