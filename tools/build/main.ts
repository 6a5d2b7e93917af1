/**
 * Builds build/*.bpf.o and build/spantap.node: clang for the kernel side, gcc for the addon.
 * `SPANTAP_LIBBPF` names a root with libbpf's usr/include and usr/lib (1.3 or later); without it
 * the one that the set-up unpacked. `SPANTAP_TARGET_ARCH=arm64` compiles the BPF objects for
 * arm64 into build/arm64/ and nothing else.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { libbpfFolder } from '../setup/libbpf.ts';
import { root } from '../setup/paths.ts';

type Command = readonly [program: string, ...args: string[]];

/** libbpf's names of architectures. */
const TARGETS: Readonly<Record<string, string>> = { x64: 'x86', arm64: 'arm64' };
const WARNINGS = ['-Wall', '-Wextra', '-Werror'];

function files(pattern: string): string[] {
  return globSync(pattern, { cwd: root }).sort();
}

function bpfCommands(target: string, out: string): Command[] {
  // -g: BTF. v3: 32-bit operations, which 5.10 has. Unused parameters are those of libbpf's macros.
  const flags = ['-g', '-O2', '-target', 'bpf', '-mcpu=v3', `-D__TARGET_ARCH_${target}`];
  const warnings = [...WARNINGS, '-Wpadded', '-Wno-unused-parameter'];
  const include = `-I${join(libbpfFolder(), 'usr/include')}`;
  return files('bpf/*.bpf.c').map((source) => {
    const object = join(out, basename(source).replace(/\.c$/, '.o'));
    return ['clang', ...flags, ...warnings, include, '-c', source, '-o', object];
  });
}

function addonCommands(out: string): Command[] {
  const folder = join(libbpfFolder(), 'usr');
  const [library] = globSync(join(folder, 'lib{,64}{,/*-linux-gnu}/libbpf.a'));
  if (library === undefined) throw new Error(`no libbpf.a in ${folder}: run npm run setup`);
  const renamed = join(out, 'libbpf.a');
  const includes = [
    '-isystem',
    'node_modules/node-api-headers/include',
    `-I${join(folder, 'include')}`,
  ];
  const flags = ['-std=c11', '-O2', '-g', '-fPIC', '-shared', '-fvisibility=hidden', ...WARNINGS];
  return [
    // See native/stderr.c.
    ['objcopy', '--redefine-sym', 'stderr=spantap_stderr', library, renamed],
    [
      'gcc',
      ...flags,
      '-DNAPI_VERSION=8',
      ...includes,
      ...files('native/*.c'),
      renamed,
      ...['-lelf', '-lz', '-Wl,--exclude-libs,ALL'],
      ...['-o', join(out, 'spantap.node')],
    ],
  ];
}

function run([program, ...args]: Command): void {
  console.error(`build: ${basename(args.at(-1) ?? program)}`);
  execFileSync(program, args, { cwd: root, stdio: 'inherit' });
}

const arch = process.env.SPANTAP_TARGET_ARCH ?? process.arch;
const target = TARGETS[arch];
if (target === undefined) throw new Error(`the kernel side is not made for ${arch}`);
const isCross = arch !== process.arch;
const out = join(root, 'build', isCross ? arch : '');
if (!existsSync(out)) mkdirSync(out, { recursive: true });
const commands = bpfCommands(target, out);
if (!isCross) commands.push(...addonCommands(out));
for (const command of commands) run(command);
