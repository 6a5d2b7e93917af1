import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { findTlsLibraries, readProcessFacts } from '../../../src/discover/doctor/process-facts.ts';
import { Inspector } from '../../../src/discover/plan.ts';
import { fakeProc } from '../fake-proc.ts';
import { custom, exclusions } from '../filters.ts';

test('this process is told with its sockets', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const facts = readProcessFacts(process.pid, { inspector: new Inspector() });
  server.close();
  assert.equal(facts.kind, 'running');
  if (facts.kind !== 'running') return;
  assert.equal(facts.info.executablePath, process.execPath);
  assert.equal(facts.plan.family, 'other');
  assert.equal(facts.isOtherNetworkNamespace, false);
  assert.equal(facts.isReadable, true);
  assert.equal(facts.isAgent, false);
  assert.ok(facts.sockets.some(({ state }) => state === 'listening'));
});

test('a pid that is gone, and one that somebody read in a container', async (context) => {
  const child = spawn('true');
  await once(child, 'exit');
  assert.equal(readProcessFacts(child.pid ?? 0, { inspector: new Inspector() }).kind, 'missing');
  const status = 'Name:\tapi\nTgid:\t4711\nNSpid:\t4711\t7\n';
  const root = fakeProc(context, [
    { pid: 4711, exe: '/app/api', status },
    { pid: 10, exe: '/bin/sh', status: 'Name:\tsh\nTgid:\t10\nNSpid:\t10\n' },
  ]);
  const inspector = new Inspector(undefined, root);
  const found = { kind: 'missing', pid: 7, hostPid: 4711 };
  assert.deepEqual(readProcessFacts(7, { inspector }, root), found);
  const none = { kind: 'missing', pid: 8, hostPid: undefined };
  assert.deepEqual(readProcessFacts(8, { inspector }, root), none);
});

test('threads and kernel threads are told apart', (context) => {
  const root = fakeProc(context, [
    { pid: 9, exe: '/app/api', status: 'Name:\tworker\nTgid:\t8\n' },
    { pid: 2, comm: 'kthreadd' },
  ]);
  const inspector = new Inspector(undefined, root);
  assert.deepEqual(readProcessFacts(9, { inspector }, root), {
    kind: 'thread',
    pid: 9,
    threadOf: 8,
  });
  const thread = { kind: 'no-program', pid: 2, name: 'kthreadd' };
  assert.deepEqual(readProcessFacts(2, { inspector }, root), thread);
});

test('io_uring rings, TLS libraries, namespaces and the agent itself are recognised', (context) => {
  const root = fakeProc(context, [
    {
      pid: 5,
      exe: '/usr/bin/node',
      commandLine: ['node', '/opt/spantap/src/main.ts', 'run'],
      netns: 77,
      fds: { 3: 'anon_inode:[io_uring]', 4: 'anon_inode:[eventpoll]' },
      maps: '7f0000000000-7f0000010000 r-xp 0 08:01 5 /usr/lib/x86_64-linux-gnu/libssl.so.3\n',
    },
    { pid: 6, exe: '/usr/bin/node', commandLine: ['node', '/app/src/main.ts'] },
  ]);
  const inspector = new Inspector(undefined, root);
  const facts = readProcessFacts(5, { inspector }, root);
  assert.ok(facts.kind === 'running');
  assert.equal(facts.usesIoUring, true);
  assert.equal(facts.isOtherNetworkNamespace, true);
  assert.equal(facts.isAgent, true);
  assert.deepEqual(facts.tlsLibraries, ['libssl.so.3']);
  const other = readProcessFacts(6, { inspector }, root);
  assert.ok(other.kind === 'running' && !other.isAgent && !other.usesIoUring);
});

test('the container and the filter that leaves a process out are told', (context) => {
  const id = 'c'.repeat(64);
  const cgroup = `0::/docker/${id}\n`;
  const root = fakeProc(context, [
    { pid: 5, exe: '/usr/bin/curl', cgroup },
    { pid: 6, exe: '/usr/bin/wget' },
  ]);
  const inspector = new Inspector(undefined, root);
  const readers = { inspector, exclusions: exclusions({ custom: [custom('/curl')] }) };
  const curl = readProcessFacts(5, readers, root);
  assert.ok(curl.kind === 'running');
  assert.equal(curl.leftOutBy, 'tap.filters.custom[0]');
  assert.equal(curl.container, id);
  const wget = readProcessFacts(6, readers, root);
  assert.ok(wget.kind === 'running');
  assert.deepEqual([wget.leftOutBy, wget.container], [undefined, undefined]);
});

test('TLS libraries are named once, others not at all', () => {
  const maps = ['libssl.so.1.1', 'libssl.so.1.1', 'libgnutls.so.30.34.3', 'libc.so.6', 'libssl.txt']
    .map((name) => `7f0000000000-7f0000010000 r-xp 0 08:01 5 /usr/lib/${name}`)
    .join('\n');
  assert.deepEqual(findTlsLibraries(maps), ['libssl.so.1.1', 'libgnutls.so.30.34.3']);
});
