/**
 * Builds build/*.bpf.o and build/spantap.node. Runs on plain Node >= 20 without dependencies;
 * needs clang, gcc, binutils, libelf and zlib headers. Does nothing when the inputs, the flags
 * and the compilers are those of the last build.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findLibbpf } from './libbpf.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const out = join(root, 'build');
const TARGETS = { x64: 'x86', arm64: 'arm64' };

const target = TARGETS[process.env.SPANTAP_TARGET_ARCH ?? process.arch];
if (!target) throw new Error(`no BPF support for ${process.arch}`);

const WARNINGS = ['-Wall', '-Wextra', '-Werror'];

function filesIn(folder, pattern) {
  return readdirSync(join(root, folder))
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => join(root, folder, name));
}

function bpfCommands(libbpf) {
  // -g: BTF. v3: 32-bit operations; 5.10 has them. Unused parameters are libbpf's macros'.
  const flags = ['-g', '-O2', '-target', 'bpf', '-mcpu=v3', `-D__TARGET_ARCH_${target}`];
  const warnings = [...WARNINGS, '-Wpadded', '-Wno-unused-parameter'];
  return filesIn('bpf', /\.bpf\.c$/).map((source) => {
    const object = join(out, basename(source).replace(/\.c$/, '.o'));
    return ['clang', ...flags, ...warnings, `-I${libbpf.include}`, '-c', source, '-o', object];
  });
}

function addonCommands(libbpf) {
  const library = join(out, 'libbpf.a');
  const headers = join(root, 'node_modules/node-api-headers/include');
  const includes = [`-isystem${headers}`, `-I${libbpf.include}`];
  return [
    // See native/stderr.c.
    ['objcopy', '--redefine-sym', 'stderr=spantap_stderr', libbpf.library, library],
    [
      ...['gcc', '-std=c11', '-O2', '-g', '-fPIC', '-shared', '-fvisibility=hidden', ...WARNINGS],
      ...['-DNAPI_VERSION=8', ...includes, ...filesIn('native', /\.c$/), library, '-lelf', '-lz'],
      ...['-Wl,--exclude-libs,ALL', '-Wl,--no-undefined-version'],
      ...['-o', join(out, 'spantap.node')],
    ],
  ];
}

function fingerprint(commands) {
  const hash = createHash('sha256').update(JSON.stringify(commands));
  for (const compiler of ['clang', 'gcc']) hash.update(execFileSync(compiler, ['--version']));
  for (const file of [...filesIn('bpf', /\.[ch]$/), ...filesIn('native', /\.[ch]$/)]) {
    hash.update(file).update(readFileSync(file));
  }
  return hash.digest('hex');
}

const libbpf = findLibbpf();
const commands = [...bpfCommands(libbpf), ...addonCommands(libbpf)];
const stamp = join(out, 'stamp');
const wanted = fingerprint(commands);
const isFresh =
  existsSync(stamp) &&
  readFileSync(stamp, 'utf8') === wanted &&
  commands.every((command) => existsSync(command.at(-1)));
if (!isFresh) {
  mkdirSync(out, { recursive: true });
  rmSync(stamp, { force: true });
  for (const [program, ...args] of commands) {
    console.error(`build: ${basename(args.at(-1))}`);
    execFileSync(program, args, { stdio: 'inherit' });
  }
  writeFileSync(stamp, wanted);
}
