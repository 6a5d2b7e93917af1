/** Probe sites of real HAProxy, Caddy and Go programs, against what binutils and Go say of them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { closeElf, openElf } from '../../../src/discover/elf/elf.ts';
import { type ExecutableFacts, identifyExecutable } from '../../../src/discover/families.ts';
import { Inspector } from '../../../src/discover/plan.ts';
import { findProgram } from '../../../src/discover/programs.ts';
import { goEnvironment, goProgram } from '../../../tools/setup/go.ts';
import { unpackedRoot } from '../../discover/packages.ts';
import { TemporaryFolder } from '../../discover/temporary.ts';
import { freePorts } from '../harness/ports.ts';
import { Program } from '../harness/program.ts';

function identify(path: string, name = 'renamed'): ExecutableFacts {
  const elf = openElf(path);
  assert.ok(elf !== undefined, path);
  try {
    return identifyExecutable(elf, name);
  } finally {
    closeElf(elf);
  }
}

/** File offset of a symbol, computed by readelf from symbol and program headers. */
function offsetByReadelf(path: string, symbol: string): number {
  const run = (...args: string[]) =>
    execFileSync('readelf', [...args, path], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const line = run('-W', '--dyn-syms').match(new RegExp(`: ([0-9a-f]{16}) .* ${symbol}$`, 'm'));
  const address = Number.parseInt(line?.[1] ?? '', 16);
  for (const match of run('-W', '-l').matchAll(/LOAD +0x(\S+) 0x(\S+) 0x\S+ 0x(\S+)/g)) {
    const [offset, start, size] = match.slice(1).map((text) => Number.parseInt(text, 16));
    if (offset === undefined || start === undefined || size === undefined) continue;
    if (address >= start && address < start + size) return address - start + offset;
  }
  throw new Error(`readelf does not know ${symbol}`);
}

/** The program itself behind the set-up's wrapper script, and where it finds its libraries. */
function installed(name: string): { path: string; libraries: string } {
  const path = findProgram(name);
  const wrapper = readFileSync(path).subarray(0, 4096).toString('latin1');
  return {
    path: wrapper.match(/^exec '(.+?)'/m)?.[1] ?? path,
    libraries: wrapper.match(/^LD_LIBRARY_PATH='(.+?)'/m)?.[1] ?? '',
  };
}

test('HAProxy of Debian 11 gets no probes, its structures are looked for', async () => {
  const facts = identify(join(await unpackedRoot('bullseye', 'haproxy'), 'usr/sbin/haproxy'));
  assert.deepEqual(facts.sites, []);
  assert.match(facts.reasons.join(), /HAProxy before 2\.4/);
  assert.notEqual(facts.haproxyVariables, undefined);
});

const HAPROXIES = [
  { title: 'HAProxy of this machine', path: async () => installed('haproxy').path },
  {
    title: 'HAProxy of Debian 13',
    path: async () => join(await unpackedRoot('trixie', 'haproxy'), 'usr/sbin/haproxy'),
  },
];

const HAPROXY_SITES = [
  ['haproxy_stream_new', 'stream_new', true],
  ['haproxy_back_try_conn_req', 'back_try_conn_req', false],
] as const;

const ENDBR64 = Buffer.from('f30f1efa', 'hex');

for (const { title, path } of HAPROXIES) {
  test(`${title}: both sites are where readelf says`, { timeout: 240_000 }, async () => {
    const file = await path();
    const facts = identify(file);
    assert.equal(facts.family, 'haproxy');
    assert.deepEqual(facts.reasons, []);
    const bytes = readFileSync(file);
    const expected = ([program, symbol, isReturn]: (typeof HAPROXY_SITES)[number]) => {
      const start = offsetByReadelf(file, symbol);
      const isMarked = bytes.subarray(start, start + 4).equals(ENDBR64);
      // Debian's builds begin with push, since Debian 13 behind endbr64.
      return { program, offset: isMarked ? start + 4 : start, isReturn, isCheap: true };
    };
    assert.deepEqual(facts.sites, HAPROXY_SITES.map(expected));
  });
}

const CADDIES = [
  { title: 'Caddy of this machine', path: async () => installed('caddy').path },
  {
    title: 'Caddy of Debian 13',
    path: async () => join(await unpackedRoot('trixie', 'caddy'), 'usr/bin/caddy'),
  },
];

for (const { title, path } of CADDIES) {
  test(`${title}, stripped: both sites are conditional jumps`, { timeout: 240_000 }, async () => {
    const file = await path();
    const facts = identify(file);
    assert.equal(facts.family, 'go');
    assert.match(facts.goVersion ?? '', /^go1\.\d+/);
    assert.deepEqual(
      facts.sites.map(({ program, isCheap }) => [program, isCheap]),
      [
        ['go_round_trip', true],
        ['go_write_loop', true],
      ],
    );
    const bytes = readFileSync(file);
    for (const { offset } of facts.sites) {
      // cmp 0x10(%r14), then jbe near.
      assert.equal(
        bytes
          .subarray(offset - 4, offset)
          .toString('hex')
          .slice(2),
        '3b6610',
      );
      assert.equal(bytes.readUInt16BE(offset), 0x0f86);
    }
  });
}

const GO_MAIN = `package main

import (
	"net/http"
	"net/http/httputil"
	"net/url"
)

func main() {
	target, _ := url.Parse("http://127.0.0.1:1")
	_ = http.ListenAndServe("127.0.0.1:0", httputil.NewSingleHostReverseProxy(target))
}
`;

describe('a Go program of the newest toolchain', { timeout: 280_000 }, () => {
  const folder = new TemporaryFolder({ after });
  folder.file('main.go', GO_MAIN);
  folder.file('go.mod', 'module tiny\n\ngo 1.21\n');

  function build(name: string, ...flags: string[]): string {
    const path = join(folder.path, name);
    // cgo: a C linker joins some of the variants.
    const env = { ...process.env, ...goEnvironment(), CGO_ENABLED: '1' };
    execFileSync(goProgram(), ['build', ...flags, '-o', path, '.'], { cwd: folder.path, env });
    return path;
  }

  /** Start of the function by `go tool nm`, as a file offset. */
  function offsetByGo(path: string, name: string): number {
    const text = execFileSync(goProgram(), ['tool', 'nm', path], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    const line = text
      .split('\n')
      .find((each) => / [Tt] \S+$/.test(each) && each.endsWith(` ${name}`));
    const elf = openElf(path);
    assert.ok(line !== undefined && elf !== undefined);
    closeElf(elf);
    const code = elf.segments.find(({ type, flags }) => type === 1 && (flags & 1) === 1);
    return Number.parseInt(line.trim(), 16) - (code?.address ?? 0) + (code?.offset ?? 0);
  }

  test('has its sites behind the stack checks of the functions that Go names', () => {
    const path = build('plain');
    const [roundTrip, writeLoop] = identify(path).sites.map(({ offset }) => offset);
    const start = (name: string) => offsetByGo(path, `net/http.(*persistConn).${name}`);
    // lea -disp(%rsp),%r12; cmp 0x10(%r14),%r12: 12 bytes for large frames, 9 or 4 for smaller.
    assert.ok([4, 9, 12].includes((roundTrip ?? 0) - start('roundTrip')));
    assert.ok([4, 9, 12].includes((writeLoop ?? 0) - start('writeLoop')));
  });

  test('has the same sites when it is stripped', () => {
    const sites = identify(build('plain')).sites;
    assert.deepEqual(identify(build('stripped', '-ldflags=-s -w')).sites, sites);
  });

  test('has its sites when a C linker put its start code first', () => {
    const whole = build('linked', '-ldflags=-linkmode=external');
    const stripped = build('linked-stripped', '-ldflags=-linkmode=external -s -w');
    const code = (path: string) =>
      identify(path).sites.map(({ offset }) =>
        readFileSync(path).toString('hex', offset, offset + 6),
      );
    const start = offsetByGo(whole, 'net/http.(*persistConn).roundTrip');
    assert.ok([4, 9, 12].includes((identify(whole).sites[0]?.offset ?? 0) - start));
    assert.deepEqual(code(stripped), code(whole));
    assert.equal(identify(stripped).sites.length, 2);
  });
});

test('a program of another mount namespace is reached through its root', async (context) => {
  const folder = new TemporaryFolder(context);
  const inside = join(folder.path, 'inside');
  mkdirSync(inside);
  const { port } = await freePorts('port');
  const config = `defaults
  mode http
  timeout client 5s
frontend front
  bind 127.0.0.1:${port}
`;
  const file = folder.file('haproxy.cfg', config);
  // A file system that only this process sees, as in a container; the shell becomes the program.
  const script = 'mount -t tmpfs none "$1" && cp "$2" "$1/lb" && exec "$1/lb" -db -f "$3"';
  const { path, libraries } = installed('haproxy');
  const args = ['--mount', 'sh', '-c', script, 'sh', inside, path, file];
  const program = new Program('lb', 'unshare', args, { env: { LD_LIBRARY_PATH: libraries } });
  context.after(() => program.stop());
  await program.accepts(port);
  assert.equal(existsSync(join(inside, 'lb')), false, 'our own file system has no such file');
  const plan = new Inspector().inspect(program.pid);
  assert.equal(plan?.family, 'haproxy');
  const paths = new Set(plan?.uprobes.map((site) => site.path));
  assert.deepEqual([...paths], [`/proc/${program.pid}/root${inside}/lb`]);
  assert.deepEqual(readFileSync([...paths][0] ?? ''), readFileSync(path));
});
