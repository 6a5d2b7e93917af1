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
import { custom, exclusions } from './filters.ts';
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

const NO_API = exclusions({ custom: [custom('/api')] });
const NO_NGINX = exclusions({ custom: [custom('/nginx')] });

test('what the filters leave out is ignored from the start, whether it is known or not', (context) => {
  const { watcher } = host(context, {});
  assert.deepEqual(
    watcher.reconfigure(exclusions({ custom: [custom('/api'), custom('/nginx')] })),
    [],
  );
  assert.deepEqual(watched(watcher.start()), [
    [10, 'ignore'],
    [20, 'ignore'],
    [OWN, 'ignore'],
  ]);
  assert.equal(watcher.connected(20), undefined);
});

test('a process that becomes what is left out is ignored, and watched again after', (context) => {
  const { watcher, start } = host(context, {});
  watcher.reconfigure(NO_API);
  watcher.start();
  start({ pid: 30, comm: 'sh', exe: '/bin/sh' });
  assert.equal(watcher.appeared(30), undefined);
  start({ pid: 30, comm: 'api', exe: '/usr/bin/api' });
  assert.equal(watcher.appeared(30)?.watch, 'ignore');
  start({ pid: 30, comm: 'sh', exe: '/bin/sh' });
  assert.equal(watcher.appeared(30)?.watch, 'default');
  assert.equal(watcher.appeared(30), undefined);
});

test('filters that come with a reload are applied to what runs, and taken away again', (context) => {
  const { watcher, start } = host(context, {});
  watcher.start();
  start({ pid: 21, parentPid: 20, comm: 'api', exe: '/usr/bin/api' });
  assert.deepEqual(watched(watcher.reconfigure(NO_API)), [
    [20, 'ignore'],
    [21, 'ignore'],
  ]);
  assert.deepEqual(watcher.reconfigure(NO_API), []);
  const changed = watcher.reconfigure(NO_NGINX);
  assert.deepEqual(watched(changed), [
    [10, 'ignore'],
    [20, 'default'],
    [21, 'default'],
  ]);
  const [again] = watcher.reconfigure(exclusions({}));
  assert.equal(again.tgid, 10);
  assert.equal(again.family, 'nginx');
  assert.equal(again.watch, 'default');
});

test('what is taken back is watched only when it is a target', (context) => {
  const { watcher } = host(context, { processes: ['api'] });
  const both = exclusions({ custom: [custom('/api'), custom('/nginx')] });
  watcher.reconfigure(both);
  assert.deepEqual(watched(watcher.start()), [
    [20, 'ignore'],
    [OWN, 'ignore'],
  ]);
  assert.deepEqual(watched(watcher.reconfigure(exclusions({}))), [
    [10, 'default'],
    [20, 'watch'],
  ]);
  assert.equal(watcher.describe(), 'api');
});

test('a target that ended meanwhile is no error when filters change', (context) => {
  const { watcher, end } = host(context, { processes: ['api'] });
  watcher.start();
  end(20);
  watcher.exited(20);
  assert.deepEqual(watched(watcher.reconfigure(NO_NGINX)), [[10, 'ignore']]);
});

test('filters never bring back a collector or the agent itself', (context) => {
  const { watcher } = host(context, {});
  watcher.ownPeersAt([9001]);
  watcher.reconfigure(exclusions({ custom: [custom('/api'), custom('/node')] }));
  watcher.start();
  assert.deepEqual(watcher.reconfigure(exclusions({})), []);
  assert.equal(watcher.connected(20), undefined);
});

test('a process that is left out and ends is forgotten', (context) => {
  const { watcher, start } = host(context, {});
  watcher.reconfigure(NO_API);
  watcher.start();
  watcher.exited(20);
  start({ pid: 20, comm: 'sh', exe: '/bin/sh' });
  assert.equal(watcher.appeared(20), undefined);
});

test('a restarted server that is left out is not watched', (context) => {
  const { watcher, start } = host(context, { ports: [9001] });
  watcher.reconfigure(NO_API);
  watcher.start();
  const net = { tcp: tcpTable(listener(8080, 100), listener(9001, 201)) };
  start({ pid: 10, comm: 'nginx', exe: '/usr/sbin/nginx', net });
  start({ pid: 30, comm: 'api', exe: '/usr/bin/api', net, fds: { 6: 'socket:[201]' } });
  assert.deepEqual(watched(watcher.rescan()), [[30, 'ignore']]);
});
