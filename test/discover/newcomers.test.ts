import assert from 'node:assert/strict';
import fs, { rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Identities } from '../../src/discover/identity/identities.ts';
import { receive } from '../../src/discover/newcomers.ts';
import { Inspector } from '../../src/discover/plan.ts';
import type { TargetFilters } from '../../src/discover/targets.ts';
import { Watcher } from '../../src/discover/watcher.ts';
import type { Appearance } from '../../src/handoff/messages.ts';
import { buildElf, symbolSections } from './elf/elf-builder.ts';
import { type FakeProcess, fakeProc, writeProcess } from './fake-proc.ts';
import { custom, exclusions } from './filters.ts';
import { TemporaryFolder } from './temporary.ts';

const START_NS = 100 * 10_000_000;
const PID = 30;

/** A host on which `process` appears, and how it is received. */
function host(context: TestContext, process: Partial<FakeProcess>, filters?: TargetFilters) {
  const programs = new TemporaryFolder(context);
  const symbols = { ngx_event_connect_peer: 1, ngx_cycle: 2 };
  const nginx = programs.file(
    'nginx',
    buildElf({ sections: symbolSections('.dynsym', '.dynstr', symbols) }),
  );
  const other = programs.file('api', buildElf({ sections: [] }));
  const exe = process.comm === 'nginx' ? nginx : other;
  const root = fakeProc(context, [{ pid: PID, exe, ...process }]);
  const inspector = new Inspector(undefined, root);
  const watcher = new Watcher(inspector, filters ?? { processes: [], ports: [] }, 99, root);
  const identities = new Identities({ inspector, version: '1', root });
  const comm = process.comm ?? 'api';
  return {
    root,
    watcher,
    receive: (by: Appearance['by']) =>
      receive({ kind: 'appeared', by, tgid: PID, startNs: START_NS, comm }, watcher, identities),
    nameOf: () => identities.get(PID, START_NS, comm).resource.attributes['service.name'],
  };
}

/** A host on which the service `shop` was seen through a connection. */
function connectedShop(context: TestContext) {
  const scene = host(context, { environment: ['OTEL_SERVICE_NAME=shop'] });
  scene.receive('socket');
  return scene;
}

/** Files below /proc/PID that `during` opens or lists, as they are called there. */
function readsOf(context: TestContext, root: string, during: () => void): string[] {
  const names = new Set<string>();
  const folder = join(root, String(PID), '/');
  for (const method of ['openSync', 'readlinkSync', 'readdirSync', 'readFileSync'] as const) {
    const original = fs[method] as (...args: unknown[]) => unknown;
    context.mock.method(fs, method, (...args: unknown[]) => {
      const path = String(args[0]);
      if (path.startsWith(folder)) names.add(path.slice(folder.length));
      return original.apply(fs, args);
    });
  }
  syncBuiltinESMExports();
  during();
  context.mock.restoreAll();
  syncBuiltinESMExports();
  return [...names].sort();
}

test('an exec of an unrelated program costs one look at its executable', (context) => {
  const { root, receive: appear } = host(context, {});
  const reads = readsOf(context, root, () => assert.equal(appear('exec'), undefined));
  assert.deepEqual(reads, ['exe']);
});

test('an exec of a program that is left out costs no more than its path', (context) => {
  const { root, watcher, receive: appear } = host(context, {});
  watcher.reconfigure(exclusions({ custom: [custom('/api')] }));
  const reads = readsOf(context, root, () => assert.equal(appear('exec')?.watch, 'ignore'));
  assert.deepEqual(reads, ['exe']);
});

test('a program that needs probes gets its plan at exec, its description with a connection', (context) => {
  const { root, receive: appear } = host(context, { comm: 'nginx' });
  const atExec = readsOf(context, root, () => assert.equal(appear('exec')?.family, 'nginx'));
  assert(!atExec.includes('environ') && !atExec.includes('cgroup'), atExec.join());
  const atSocket = readsOf(context, root, () => assert.equal(appear('socket'), undefined));
  assert(atSocket.includes('cgroup'), atSocket.join());
});

test('a process seen first through a connection is described, also after its end', (context) => {
  const { root, nameOf } = connectedShop(context);
  rmSync(join(root, String(PID)), { recursive: true });
  assert.equal(nameOf(), 'shop');
});

test('after an exec the process is described anew', (context) => {
  const { root, receive: appear, nameOf } = connectedShop(context);
  writeProcess(root, { pid: PID, environment: ['OTEL_SERVICE_NAME=store'] });
  assert.equal(nameOf(), 'shop');
  appear('exec');
  assert.equal(nameOf(), 'store');
});
