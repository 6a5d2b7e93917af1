import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { limits } from '../../src/config/limits.ts';
import { readProcText } from '../../src/discover/proc/files.ts';
import {
  isSameStart,
  listProcesses,
  parseStat,
  readProcess,
} from '../../src/discover/processes.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { fakeProc } from './fake-proc.ts';
import { startCopy } from './running-copy.ts';
import { TemporaryFolder } from './temporary.ts';

test('this process is read as it is', () => {
  const info = readProcess(process.pid);
  assert.equal(info?.pid, process.pid);
  assert.equal(info?.parentPid, process.ppid);
  assert.equal(info?.executablePath, process.execPath);
  assert.equal(info?.isExecutableDeleted, false);
  assert.equal(info?.commandLine[0], process.argv0);
  assert.ok(listProcesses().some(({ pid }) => pid === process.pid));
});

test('the start time lies on the scale of the boot clock', () => {
  const info = readProcess(process.pid);
  const bootSeconds = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  const ageSeconds = bootSeconds - (info?.startNs ?? 0) / 1e9;
  assert.ok(Math.abs(ageSeconds - process.uptime()) < 2, `${ageSeconds}`);
});

test('start times of the kernel and of /proc are compared at 10 ms', () => {
  assert.ok(isSameStart(123_456_789_012, 123_450_000_000));
  assert.ok(!isSameStart(123_460_000_000, 123_450_000_000));
});

test('a name may hold blanks and parentheses', () => {
  const rest = `S 7 ${'0 '.repeat(17)}4711 0 0 0 4096`;
  const expected = { comm: 'a) R (b', parentPid: 7, startTicks: 4711, codeStart: 4096 };
  assert.deepEqual(parseStat(`12 (a) R (b) ${rest}`), expected);
  assert.equal(parseStat('12 (cut'), undefined);
  assert.equal(parseStat(''), undefined);
  assert.equal(parseStat(undefined), undefined);
});

test('a process that ended is undefined', async () => {
  const child = spawn('true');
  await once(child, 'exit');
  assert.equal(readProcess(child.pid ?? 0), undefined);
});

test('a process whose executable was removed is known by its old path', async (context) => {
  const folder = new TemporaryFolder(context);
  const { path, child } = await startCopy(folder);
  rmSync(path);
  const info = readProcess(child.pid ?? 0);
  child.kill();
  assert.equal(info?.executablePath, path);
  assert.equal(info?.executableName, 'server');
  assert.equal(info?.isExecutableDeleted, true);
});

test('kernel threads are left out, processes that may not be looked into are kept', (context) => {
  const root = fakeProc(context, [
    { pid: 2, comm: 'kthreadd' },
    { pid: 3, comm: 'sealed', commandLine: ['/sbin/sealed', '-x'] },
    { pid: 4, exe: '/usr/sbin/nginx' },
  ]);
  const found = listProcesses(root);
  assert.deepEqual(
    found.map(({ pid, executablePath, executableName }) => ({
      pid,
      executablePath,
      executableName,
    })),
    [
      { pid: 3, executablePath: '', executableName: 'sealed' },
      { pid: 4, executablePath: '/usr/sbin/nginx', executableName: 'nginx' },
    ],
  );
});

test('a file beyond the limit is cut and counted', (context) => {
  const path = new TemporaryFolder(context).file('huge', Buffer.alloc(limits.procFileBytesMax + 1));
  const counters = new Counters();
  assert.equal(readProcText(path, counters)?.length, limits.procFileBytesMax);
  assert.equal(counters.get('truncated.proc_files'), 1);
});
