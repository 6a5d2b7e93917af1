/**
 * Compilers and headers for the BPF objects and the addon. They are the one thing that is
 * installed on the machine; none of the packages brings a service. A tool that is already there,
 * from whatever source, is used as it is.
 */
import { existsSync } from 'node:fs';
import { installPackages } from './apt.ts';
import { findProgram, isRoot, SetupError } from './command.ts';
import type { Step } from './step.ts';

const triple = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';

/** Debian package -> what shows that its content is there: a program, or a header's path. */
const BUILD_TOOLS: Readonly<Record<string, string>> = {
  clang: 'clang',
  llvm: 'llvm-strip',
  bpftool: 'bpftool',
  gcc: 'gcc',
  make: 'make',
  'libc6-dev': '/usr/include/stdio.h',
  'linux-libc-dev': '/usr/include/linux/bpf.h',
  'libelf-dev': '/usr/include/gelf.h',
  'zlib1g-dev': '/usr/include/zlib.h',
};

const TEST_TOOLS: Readonly<Record<string, string>> = { iproute2: 'ip', openssl: 'openssl' };

function isThere(sign: string): boolean {
  if (!sign.startsWith('/')) return findProgram(sign) !== undefined;
  return existsSync(sign) || existsSync(sign.replace('/usr/include/', `/usr/include/${triple}/`));
}

function packageStep(title: string, tools: Readonly<Record<string, string>>): Step {
  const missing = () =>
    Object.entries(tools)
      .filter(([, sign]) => !isThere(sign))
      .map(([name]) => name);
  return {
    get title() {
      return `${title} (${missing().join(' ')})`;
    },
    isDone: () => missing().length === 0,
    run: async () => {
      const packages = missing();
      const command = `apt-get install ${packages.join(' ')}`;
      if (!isRoot()) {
        throw new SetupError(
          `packages are missing and only root can install them: ${packages.join(' ')}`,
          `Run this command once as root, or: sudo ${command}`,
        );
      }
      await installPackages(packages);
      const left = missing();
      if (left.length > 0) {
        throw new SetupError(`installed, yet not found: ${left.join(' ')}`, `Try: ${command}`);
      }
    },
  };
}

export const buildTools = packageStep('installing compilers and headers', BUILD_TOOLS);
export const testTools = packageStep('installing tools for tests', TEST_TOOLS);
