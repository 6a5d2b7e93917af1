import assert from 'node:assert/strict';
import { renameSync, statSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { limits } from '../../src/config/limits.ts';
import { ExecutableCache } from '../../src/discover/executable.ts';
import { Inspector, reachablePath } from '../../src/discover/plan.ts';
import { readProcess } from '../../src/discover/processes.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { buildElf, symbolSections } from './elf/elf-builder.ts';
import { fakeProc } from './fake-proc.ts';
import { startCopy } from './running-copy.ts';
import { TemporaryFolder } from './temporary.ts';

/** A file that passes for HAProxy; `code` decides the price of its probes. */
function haproxy(code: string): Buffer {
  const text = { name: '.text', bytes: Buffer.from(code.padEnd(128, '0'), 'hex'), address: 0x4000 };
  const symbols = { stream_new: 0x4000, back_try_conn_req: 0x4000, stream_set_http_mode: 0x4000 };
  return buildElf({
    sections: [text, ...symbolSections('.dynsym', '.dynstr', symbols)],
    segments: [{ type: 1, flags: 5, section: '.text' }],
  });
}

function keyOf(path: string): string {
  const { dev, ino } = statSync(path);
  return `${dev}:${ino}`;
}

test('a plan names the file by the path of the process where that is the same file', (context) => {
  const path = new TemporaryFolder(context).file('haproxy', haproxy('55'));
  const root = fakeProc(context, [{ pid: 5, exe: path }]);
  const plan = new Inspector(undefined, root).inspect(5);
  assert.equal(plan?.family, 'haproxy');
  assert.equal(plan?.executableKey, keyOf(path));
  assert.deepEqual(
    plan?.uprobes.map((site) => [site.program, site.path, site.isCheap]),
    [
      ['haproxy_stream_new', path, true],
      ['haproxy_back_try_conn_req', path, true],
    ],
  );
});

test('a gone process has no plan; one that cannot be read has a reason', (context) => {
  const path = new TemporaryFolder(context).file('script', '#!/bin/sh\n');
  const root = fakeProc(context, [
    { pid: 5, exe: path },
    { pid: 6, exe: `${path}-missing` },
  ]);
  const inspector = new Inspector(undefined, root);
  assert.equal(inspector.inspect(4), undefined);
  for (const pid of [5, 6]) {
    const plan = inspector.inspect(pid);
    assert.equal(plan?.family, 'other');
    assert.match(plan?.reasons[0] ?? '', /executable cannot be read/);
  }
});

test('a replaced executable is reached through /proc', async (context) => {
  const folder = new TemporaryFolder(context);
  const { path, child } = await startCopy(folder);
  const key = keyOf(path);
  renameSync(folder.file('new', haproxy('55')), path);
  const info = readProcess(child.pid ?? 0);
  assert.ok(info !== undefined);
  const reached = reachablePath(info);
  const reachedKey = keyOf(reached);
  const plan = new Inspector().plan(info);
  child.kill();
  assert.equal(reached, `/proc/${child.pid}/exe`);
  assert.equal(reachedKey, key);
  assert.equal(plan.executableKey, key);
  assert.equal(plan.family, 'other', 'the program that runs, not the file that took its place');
});

test('one file has one path, whoever runs it', (context) => {
  const folder = new TemporaryFolder(context);
  const path = folder.file('image/haproxy', haproxy('55'));
  const root = fakeProc(context, [
    // As containers look: the path exists only below the process's own root.
    { pid: 5, exe: path, commandLine: ['haproxy'] },
    { pid: 6, exe: path, commandLine: ['haproxy'] },
  ]);
  const inspector = new Inspector(undefined, root);
  const paths = [5, 6].flatMap((pid) => inspector.inspect(pid)?.uprobes.map((site) => site.path));
  assert.equal(new Set(paths).size, 1);
});

function cached(context: TestContext) {
  const counters = new Counters();
  return { folder: new TemporaryFolder(context), counters, cache: new ExecutableCache(counters) };
}

test('a file is looked at once, and again when it was changed', (context) => {
  const { folder, cache } = cached(context);
  const path = folder.file('haproxy', haproxy('55'));
  const first = cache.get(path, 'haproxy');
  assert.equal(cache.get(path, 'haproxy'), first);
  folder.file('haproxy', haproxy('4889e5'));
  const second = cache.get(path, 'haproxy');
  assert.notEqual(second, first);
  assert.equal(second?.sites[0]?.isCheap, false);
  assert.equal(cache.get(`${path}-missing`, 'haproxy'), undefined);
});

test('beyond the limit the oldest executable is forgotten, and counted', (context) => {
  const { folder, counters, cache } = cached(context);
  const path = folder.file('program', haproxy('55'));
  const first = cache.get(path, 'name-0');
  for (let index = 1; index <= limits.executablesMax; index += 1) cache.get(path, `name-${index}`);
  assert.equal(counters.get('discover.executables_forgotten'), 1);
  assert.notEqual(cache.get(path, 'name-0'), first);
});
