/** Boots a kernel in qemu without hardware help (TCG) and returns what its console printed. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { unpackedFolder } from '../../tools/setup/unpacked.ts';

/** What all kernels of the matrix accept; `max` breaks some of them under TCG. */
const CPU = 'qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt';
// One CPU: with more, emulation loses races when a CPU patches code that another one runs (the
// kernel's static keys end in an int3 oops, V8 in a failed check of its own).
const MEMORY_MIB = 1_536;
export const BOOT_TIMEOUT_MS = 300_000;

/** The guest's last line. */
const RESULT = /guest: result: [^\n]*\n/;

export interface Guest {
  readonly kernel: string;
  readonly image: string;
}

export async function boot({ kernel, image }: Guest): Promise<string> {
  const share = join(unpackedFolder('qemu'), 'usr/share');
  const child = spawn(
    'qemu-system-x86_64',
    [
      ...['-L', join(share, 'qemu'), '-L', join(share, 'seabios')],
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
      ...['-accel', 'tcg', '-cpu', CPU, '-smp', '1', '-m', String(MEMORY_MIB)],
      ...['-kernel', kernel, '-initrd', image],
      ...['-append', 'console=ttyS0 quiet panic=-1 mitigations=off'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (RESULT.test(output)) child.kill('SIGTERM');
    });
  }
  const timer = setTimeout(() => {
    output += `\nended after ${BOOT_TIMEOUT_MS / 1000} s\n`;
    child.kill('SIGKILL');
  }, BOOT_TIMEOUT_MS);
  await new Promise<void>((resolve) => {
    child.once('error', (error) => {
      output += `\nqemu: ${error.message}\n`;
      resolve();
    });
    child.once('close', () => resolve());
  });
  clearTimeout(timer);
  return output.replaceAll('\r', '');
}

/** What the agent printed, without colours; undefined when the guest did not get that far. */
export function agentOutput(console: string): string | undefined {
  const found = /guest: agent printed\n([\s\S]*)guest: end of agent/.exec(console)?.[1];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences
  return found?.replace(/\x1b\[[0-9;]*m/g, '');
}
