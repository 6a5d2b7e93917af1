import assert from 'node:assert/strict';
import fs, { rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Inspector } from '../../src/discover/plan.ts';
import type { TargetFilters } from '../../src/discover/targets.ts';
import { Watcher } from '../../src/discover/watcher.ts';
import { buildElf, symbolSections } from './elf/elf-builder.ts';
import { type FakeProcess, fakeProc, listener, tcpTable, writeProcess } from './fake-proc.ts';
import { TemporaryFolder } from './temporary.ts';

const OWN = 99;

interface Host {
  readonly root: string;
  readonly watcher: Watcher;
  start(process: FakeProcess): void;
  end(pid: number): void;
}

/** nginx listens on 8080, an unknown program on 9001, and the agent is there too. */
function host(context: TestContext, filters: Partial<TargetFilters>): Host {
  const programs = new TemporaryFolder(context);
  const symbols = { ngx_event_connect_peer: 1, ngx_cycle: 2 };
  const nginx = buildElf({ sections: symbolSections('.dynsym', '.dynstr', symbols) });
  const path = programs.file('nginx', nginx);
  const net = { tcp: tcpTable(listener(8080, 100), listener(9001, 200)) };
  const root = fakeProc(context, [
    { pid: 10, comm: 'nginx', exe: path, net, fds: { 6: 'socket:[100]' } },
    { pid: 20, comm: 'api', exe: '/usr/bin/api', net, fds: { 6: 'socket:[200]' } },
    { pid: OWN, comm: 'node', exe: '/usr/bin/node', net },
  ]);
  const inspector = new Inspector(undefined, root);
  return {
    root,
    watcher: new Watcher(inspector, { processes: [], ports: [], ...filters }, OWN, root),
    start: (process) => writeProcess(root, { net, ...process }),
    end: (pid) => rmSync(join(root, String(pid)), { recursive: true }),
  };
}

const watched = (plans: readonly { tgid: number; watch: string }[]) =>
  plans.map(({ tgid, watch }) => [tgid, watch]);

test('without filters only what needs a plan gets one, and the agent is excluded', (context) => {
  const { watcher } = host(context, {});
  assert.equal(watcher.watchesAll, true);
  assert.deepEqual(watched(watcher.start()), [
    [10, 'default'],
    [OWN, 'ignore'],
  ]);
  assert.equal(watcher.appeared(20), undefined);
  assert.equal(watcher.appeared(10)?.family, 'nginx');
  assert.deepEqual(watcher.rescan(), []);
});

test('filters choose, whatever the family', (context) => {
  const { watcher } = host(context, { processes: ['api'] });
  assert.deepEqual(watched(watcher.start()), [
    [20, 'watch'],
    [OWN, 'ignore'],
  ]);
  assert.equal(watcher.describe(), 'api');
  assert.equal(watcher.appeared(10), undefined);
  assert.equal(watcher.appeared(OWN), undefined);
  assert.equal(watcher.appeared(12_345), undefined);
});

test('a worker that appears later is watched with what forked it', (context) => {
  const { watcher, start, root } = host(context, { ports: [9001] });
  watcher.start();
  start({ pid: 21, parentPid: 20, comm: 'api', exe: '/usr/bin/api' });
  start({ pid: 22, parentPid: 20, comm: 'sh', exe: '/bin/sh' });
  assert.equal(watcher.appeared(21)?.watch, 'watch');
  assert.equal(watcher.appeared(22), undefined);
  watcher.exited(20);
  assert.equal(watcher.describe(), 'api', root);
});

test('a server that was restarted on a watched port is found again', (context) => {
  const { watcher, start, end } = host(context, { ports: [9001] });
  watcher.start();
  assert.deepEqual(watcher.rescan(), []);
  end(20);
  watcher.exited(20);
  assert.deepEqual(watcher.rescan(), []);
  // A new process with a new socket, in the table of the whole namespace.
  const net = { tcp: tcpTable(listener(8080, 100), listener(9001, 201)) };
  start({ pid: 10, comm: 'nginx', exe: '/usr/sbin/nginx', net });
  start({ pid: 30, comm: 'api', exe: '/usr/bin/api', net, fds: { 6: 'socket:[201]' } });
  assert.deepEqual(watched(watcher.rescan()), [[30, 'watch']]);
  assert.deepEqual(watcher.rescan(), []);
});

test('what listens on any of the own ports is found with one look at all processes', (context) => {
  const { watcher, start, root } = host(context, {});
  const net = { tcp: tcpTable(listener(8080, 100), listener(9001, 200), listener(9002, 300)) };
  start({ pid: 10, comm: 'nginx', exe: '/usr/sbin/nginx', net, fds: { 6: 'socket:[100]' } });
  start({ pid: 30, comm: 'collector', exe: '/usr/bin/collector', fds: { 6: 'socket:[300]' } });
  const listings = context.mock.method(fs, 'readdirSync');
  syncBuiltinESMExports();
  const plans = watcher.ownPeersAt([9001, 9002, 9003]);
  const times = listings.mock.calls.filter((call) => call.arguments[0] === root).length;
  context.mock.restoreAll();
  syncBuiltinESMExports();
  assert.deepEqual(watched(plans), [
    [20, 'ignore'],
    [30, 'ignore'],
  ]);
  assert.equal(times, 1);
});

test('the other end of the own export is excluded, unless it is a proxy', (context) => {
  const { watcher } = host(context, {});
  watcher.start();
  assert.deepEqual(watched([watcher.ownPeer(20)].filter((plan) => plan !== undefined)), [
    [20, 'ignore'],
  ]);
  assert.equal(watcher.ownPeer(10), undefined);
  assert.equal(watcher.ownPeer(12_345), undefined);
});

test('a collector stays excluded, whatever is heard of it later', (context) => {
  const { watcher } = host(context, {});
  assert.deepEqual(watched(watcher.ownPeersAt([9001])), [[20, 'ignore']]);
  assert.deepEqual(watched(watcher.start()), [
    [10, 'default'],
    [20, 'ignore'],
    [OWN, 'ignore'],
  ]);
  assert.equal(watcher.connected(20), undefined);
  // Its exec, told late: it listens already.
  assert.equal(watcher.appeared(20)?.watch, 'ignore');
  assert.equal(watcher.connected(20), undefined);
});

test('a filter does not bring a collector back', (context) => {
  const { watcher } = host(context, { processes: ['api', 'nginx'] });
  watcher.ownPeersAt([9001]);
  assert.deepEqual(watched(watcher.start()), [
    [10, 'watch'],
    [20, 'ignore'],
    [OWN, 'ignore'],
  ]);
});

test('a process that takes the pid of a collector is watched', (context) => {
  const { watcher, end, start } = host(context, { processes: ['api'] });
  watcher.ownPeersAt([9001]);
  watcher.start();
  end(20);
  watcher.exited(20);
  start({ pid: 20, comm: 'api', exe: '/usr/bin/api' });
  assert.equal(watcher.appeared(20)?.watch, 'watch');
});
