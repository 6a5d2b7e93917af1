/** bpf/traffic.h is compiled for the host: what it calls internal is what rules call so. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ipOf, isInternal } from '../../src/rules/values/address.ts';

/** First and last address of each network that counts, and their neighbours outside. */
const ADDRESSES = [
  ...['0.0.0.0', '0.0.0.1', '9.255.255.255', '10.0.0.0', '10.255.255.255', '11.0.0.0'],
  ...['100.64.0.1', '126.255.255.255', '127.0.0.0', '127.255.255.255', '128.0.0.0'],
  ...['169.253.255.255', '169.254.0.0', '169.254.255.255', '169.255.0.0'],
  ...['172.15.255.255', '172.16.0.0', '172.31.255.255', '172.32.0.0'],
  ...['192.167.255.255', '192.168.0.0', '192.168.255.255', '192.169.0.0', '255.255.255.255'],
  ...['::', '::1', '::2', '1::', '::1:0:0', '0:1::1', '::ffff:10.0.0.1', '::ffff:127.0.0.1'],
  ...['::ffff:8.8.8.8', '::ffff:0:8.8.8.8', 'fbff::1', 'fc00::', 'fdff:ffff::', 'fe00::1'],
  ...['fe7f::1', 'fe80::', 'febf:ffff::1', 'fec0::', 'ff02::1', '2001:db8::1'],
];
const LOOPBACK = ['127.0.0.0', '127.255.255.255', '::1', '::ffff:127.0.0.1'];

function random(): string {
  const word = () => Math.floor(Math.random() * 2 ** 16);
  if (Math.random() < 0.5) return [word(), word()].flatMap((w) => [w >> 8, w & 255]).join('.');
  return Array.from({ length: 8 }, () => word().toString(16)).join(':');
}

test('the kernel side calls internal what rules call internal', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spantap-traffic-'));
  try {
    const program = join(folder, 'traffic');
    const source = join(import.meta.dirname, '../bpf/host/traffic.c');
    const warnings = ['-Wall', '-Wextra', '-Wpadded', '-Werror'];
    execFileSync('cc', ['-std=c11', '-D_GNU_SOURCE', ...warnings, source, '-o', program]);
    const addresses = [...ADDRESSES, ...Array.from({ length: 2000 }, random)];
    const lines = execFileSync(program, addresses, { encoding: 'utf8' }).trim().split('\n');
    addresses.forEach((address, index) => {
      const ip = ipOf(address);
      assert(ip, address);
      const [internal, loopback] = lines[index].split(' ');
      assert.equal(internal === '1', isInternal(ip.words), address);
      const isLoopback = LOOPBACK.includes(address) || address.startsWith('127.');
      assert.equal(loopback === '1', isLoopback, address);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
