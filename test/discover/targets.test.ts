import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { readProcess } from '../../src/discover/processes.ts';
import { isNewTarget, selectTargets, type TargetFilters } from '../../src/discover/targets.ts';
import { AgentError } from '../../src/telemetry/agent-error.ts';
import { fakeProc, listener, tcpTable } from './fake-proc.ts';

const NET = { tcp: tcpTable(listener(8080, 100), listener(9001, 200), listener(9002, 300)) };

/** nginx with two workers, a renamed program that npm started, HAProxy in another namespace. */
function host(context: TestContext): string {
  const nginx = { comm: 'nginx', exe: '/usr/sbin/nginx', net: NET };
  return fakeProc(context, [
    { pid: 10, ...nginx },
    { pid: 11, parentPid: 10, ...nginx, fds: { 6: 'socket:[100]' } },
    { pid: 12, parentPid: 10, ...nginx, fds: { 6: 'socket:[100]' } },
    { pid: 13, parentPid: 11, comm: 'logger', exe: '/usr/bin/logger', net: NET },
    { pid: 20, comm: 'npm', exe: '/usr/bin/node', net: NET },
    { pid: 21, parentPid: 20, comm: 'sh', exe: '/bin/dash', net: NET },
    {
      pid: 22,
      parentPid: 21,
      comm: 'api',
      exe: '/usr/bin/node',
      net: NET,
      fds: { 18: 'socket:[200]', 19: 'pipe:[1]' },
    },
    {
      pid: 30,
      comm: 'haproxy',
      exe: '/usr/sbin/haproxy',
      netns: 7,
      net: { tcp: tcpTable(listener(8080, 900)) },
      fds: { 5: 'socket:[900]' },
    },
  ]);
}

function pids(filters: Partial<TargetFilters>, root: string): number[] {
  const found = selectTargets({ processes: [], ports: [], ...filters }, root);
  return found.map(({ pid }) => pid).sort((a, b) => a - b);
}

test('without filters every process is meant', (context) => {
  assert.equal(pids({}, host(context)).length, 8);
});

test('a name is comm or the file name of the executable', (context) => {
  const root = host(context);
  assert.deepEqual(pids({ processes: ['nginx'] }, root), [10, 11, 12]);
  assert.deepEqual(pids({ processes: ['api'] }, root), [22]);
  assert.deepEqual(pids({ processes: ['node'] }, root), [20, 22]);
});

test('a path names the executable', (context) => {
  assert.deepEqual(pids({ processes: ['/usr/sbin/haproxy'] }, host(context)), [30]);
});

test('a pid brings all that it started', (context) => {
  const root = host(context);
  assert.deepEqual(pids({ processes: ['20'] }, root), [20, 21, 22]);
  assert.deepEqual(pids({ processes: ['11'] }, root), [11, 13]);
});

test('a name brings workers, not other programs that it started', (context) => {
  assert.ok(!pids({ processes: ['nginx'] }, host(context)).includes(13));
});

test('a port names the processes that listen on it, in every network namespace', (context) => {
  const root = host(context);
  assert.deepEqual(pids({ ports: [8080] }, root), [11, 12, 30]);
  assert.deepEqual(pids({ ports: [9001] }, root), [22]);
  assert.deepEqual(pids({ processes: ['haproxy'], ports: [9001] }, root), [22, 30]);
});

function errorOf(filters: Partial<TargetFilters>, root: string): AgentError {
  try {
    pids(filters, root);
  } catch (error) {
    if (error instanceof AgentError) return error;
  }
  throw new Error('no AgentError');
}

test('a filter that matches nothing lists what is there', (context) => {
  const root = host(context);
  const noProcess = errorOf({ processes: ['ngnix'] }, root);
  assert.equal(noProcess.code, 'process_not_found');
  assert.match(noProcess.text.todo ?? '', /haproxy, logger, nginx, node/);
  const noPid = errorOf({ processes: ['99'] }, root);
  assert.match(noPid.message, /--process 99: there is no process with that pid/);
  // 9002 is in the table, but no process here holds the socket.
  const noPort = errorOf({ ports: [9002] }, root);
  assert.equal(noPort.code, 'port_not_found');
  assert.match(noPort.text.todo ?? '', /8080 \(nginx\), 9001 \(node\), 8080 \(haproxy\)/);
});

test('long lists are cut', (context) => {
  const many = Array.from({ length: 30 }, (_, index) => ({
    pid: 100 + index,
    exe: `/opt/program-${index}`,
  }));
  const error = errorOf({ processes: ['missing'] }, fakeProc(context, many));
  assert.match(error.text.todo ?? '', /and 10 more$/);
});

test('later processes belong to the targets by name or as workers', (context) => {
  const root = host(context);
  const watched = new Map([
    [10, '/usr/sbin/nginx'],
    [20, '/usr/bin/node'],
  ]);
  const isTarget = (pid: number, filters: Partial<TargetFilters>) => {
    const info = readProcess(pid, root);
    assert.ok(info !== undefined);
    const all = { processes: [], ports: [], ...filters };
    return isNewTarget(info, all, (parent) => watched.get(parent));
  };
  assert.equal(isTarget(30, {}), true);
  assert.equal(isTarget(30, { processes: ['haproxy'] }), true);
  assert.equal(isTarget(30, { processes: ['nginx'] }), false);
  // A worker of a process that is watched because of its port.
  assert.equal(isTarget(11, { ports: [8080] }), true);
  assert.equal(isTarget(13, { ports: [8080] }), false);
  // Whatever a watched pid starts.
  assert.equal(isTarget(21, { processes: ['20'] }), true);
  assert.equal(isTarget(21, { processes: ['npm'] }), false);
});
