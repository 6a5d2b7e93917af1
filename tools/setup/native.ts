/** The BPF objects and the addon, built into build/ by tools/build; again when a source changed. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import { libbpfFolder } from './libbpf.ts';
import { filesBelow, hashOf, isStamped, root, writeStamp } from './paths.ts';
import type { Step } from './step.ts';

const buildProgram = join(root, 'tools', 'build', 'main.ts');
const stamp = join(root, 'build', '.setup-stamp');
const outputs = ['spantap.node', 'state.bpf.o'].map((name) => join(root, 'build', name));

function sources(): string[] {
  const isSource = (name: string) => /\.(c|h|ts|mjs)$|^Makefile$/.test(name);
  return ['bpf', 'native', 'tools/build'].flatMap((folder) =>
    filesBelow(join(root, folder), isSource),
  );
}

const key = () => hashOf([libbpfFolder(), process.arch], sources());

export const native: Step = {
  title: 'building the BPF objects and the addon',
  isDone: () => isStamped(stamp, key()) && outputs.every((file) => existsSync(file)),
  run: async () => {
    await runCommand(process.execPath, [buildProgram], {
      name: 'build',
      cwd: root,
      env: { SPANTAP_LIBBPF: libbpfFolder() },
      advice: 'The compiler says above what is wrong.',
    });
    writeStamp(stamp, key());
  },
};
