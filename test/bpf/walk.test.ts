/**
 * HAProxy's structures against its probes, in the kernel: they have to agree before they are
 * believed, one difference is enough to not use them, and what was proven holds for every process
 * of the executable.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventCause } from '../../src/capture/layout.gen.ts';
import { codeStart } from '../../src/discover/haproxy/process-view.ts';
import { PROC_ROOT } from '../../src/discover/proc/files.ts';
import { type Memory, pointerAt, withMemory } from '../../src/discover/proc/memory.ts';
import type { HaproxyLayout } from '../../src/handoff/haproxy-layout.ts';
import { HAPROXY_PROOFS } from '../../src/native/types.ts';
import { askMany } from '../e2e/harness/http-client.ts';
import { freePorts } from '../e2e/harness/ports.ts';
import { findHaproxyLayout } from './haproxy-layout.ts';
import { skip, Tap, WALK } from './harness.ts';
import { type RunningProxy, startProxy } from './proxies.ts';

const REQUESTS = HAPROXY_PROOFS + 16;
const AT_ONCE = 8;

describe("HAProxy's structures beside its probes", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'spantap-walk-'));
  let backend: Server;
  let layout: HaproxyLayout;
  before(async () => {
    backend = createServer((_, response) => setTimeout(() => response.end('answer'), 2));
    backend.listen(0, '127.0.0.1');
    await once(backend, 'listening');
    layout = await findHaproxyLayout(join(folder, 'layout'));
  });
  after(() => {
    backend.close();
    backend.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  async function withHaproxy(check: (port: number, proxy: RunningProxy) => Promise<void>) {
    const { port } = await freePorts('port');
    const { port: backendPort } = backend.address() as AddressInfo;
    const place = { folder: join(folder, String(port)), port, backendPort };
    const proxy = await startProxy({ kind: 'haproxy', ...place, upstream: 'reuse' });
    try {
      await check(port, proxy);
    } finally {
      await proxy.program.stop();
    }
  }

  async function load(port: number): Promise<void> {
    for (let n = 0; n < REQUESTS; n += AT_ONCE)
      await askMany(port, AT_ONCE, (each) => `/t/${n + each}`);
  }

  const requestsOf = (tap: Tap) =>
    tap.datas.filter((data) => data.isWrite && /^GET \/t\//.test(data.text));

  /** Each upstream request names the client connection that asked for the same path. */
  function assertRight(tap: Tap): void {
    for (const request of requestsOf(tap)) {
      const [line] = request.text.split(' HTTP');
      const asked = tap.datas.find((data) => !data.isWrite && data.text.startsWith(`${line} HTTP`));
      assert.equal(request.cause, eventCause.CAUSE_HAPROXY, line);
      assert.equal(request.causeConnectionId, asked?.connectionId, line);
    }
  }

  /** Both in place, as the agent has it at first. */
  function attachBoth(pid: number, known: HaproxyLayout): Tap {
    const tap = new Tap({ ringBytesMin: 4 << 20 });
    tap.inspect(pid);
    tap.walk(pid, known, false);
    return tap;
  }

  test('they are believed when enough requests were named alike', () =>
    withHaproxy(async (port, { program }) => {
      using tap = attachBoth(program.pid, layout);
      await load(port);
      await tap.until('all', () => requestsOf(tap).length >= REQUESTS);
      assertRight(tap);
      const { agreed, disagreed, taken } = tap.kernel.readWalk(WALK);
      assert.equal(disagreed, 0);
      assert(agreed >= HAPROXY_PROOFS && taken > 0 && taken < REQUESTS, `${agreed}, ${taken}`);
    }));

  test('one difference is enough to not use them', () =>
    withHaproxy(async (port, { program }) => {
      // Takes clients for health checks: another type of connection, and their frontend for checks.
      const frontend = await frontendOf(program.pid, port);
      const checksFromCode = frontend - codeStart(program.pid, PROC_ROOT);
      using tap = attachBoth(program.pid, { ...layout, connectionType: 99, checksFromCode });
      await load(port);
      await tap.until('all', () => requestsOf(tap).length >= REQUESTS);
      assertRight(tap);
      assert.deepEqual(tap.kernel.readWalk(WALK), { agreed: 0, disagreed: 1, taken: 0 });
    }));

  test('circles that do not close are never compared, let alone believed', () =>
    withHaproxy(async (port, { program }) => {
      const wrong = { ...layout, sessionOrigin: layout.sessionOrigin + 8 };
      using tap = attachBoth(program.pid, wrong);
      await load(port);
      await tap.until('all', () => requestsOf(tap).length >= REQUESTS);
      assertRight(tap);
      assert.deepEqual(tap.kernel.readWalk(WALK), { agreed: 0, disagreed: 0, taken: 0 });
    }));

  test('believed without probes and wrong, they name nobody, and that is counted', () =>
    withHaproxy(async (port, { program }) => {
      using tap = new Tap({ ringBytesMin: 4 << 20 });
      tap.walk(program.pid, { ...layout, muxStream: layout.muxStream + 8 });
      await load(port);
      await tap.until('all', () => requestsOf(tap).length >= REQUESTS);
      const named = requestsOf(tap).filter(({ cause }) => cause !== eventCause.CAUSE_NONE);
      assert.deepEqual(named, []);
      assert(tap.counter('COUNTER_CAUSE_REFUSED') >= REQUESTS);
    }));

  test('another process of the executable is walked from its first request on', () =>
    withHaproxy(async (firstPort, first) => {
      using tap = new Tap({ ringBytesMin: 4 << 20 });
      tap.walk(first.program.pid, layout);
      await askMany(firstPort, 1, () => '/t/first');
      await withHaproxy(async (port, { program }) => {
        tap.watch(program.pid, 'haproxy');
        await load(port);
        await tap.until('all', () => requestsOf(tap).length > REQUESTS);
        assertRight(tap);
      });
    }));

  test('an offer to a process that was there before is not taken', () =>
    withHaproxy(async (port, { program }) => {
      using tap = new Tap({ ringBytesMin: 4 << 20 });
      tap.watch(program.pid, 'haproxy');
      tap.kernel.setWalk(WALK, layout, true);
      tap.kernel.offerWalk(program.pid, WALK, codeStart(program.pid, PROC_ROOT) + 4096);
      await load(port);
      await tap.until('all', () => requestsOf(tap).length >= REQUESTS);
      assert.equal(tap.kernel.readWalk(WALK).taken, 0);
    }));

  /** Frontend of a client whose request is in progress. */
  async function frontendOf(pid: number, port: number): Promise<number> {
    for (let round = 0; round < 100; round++) {
      const asked = askMany(port, AT_ONCE, (n) => `/frontend/${n}`);
      await sleep(2 + (round % 8));
      const frontend = withMemory(pid, PROC_ROOT, (memory) => findFrontend(memory, pid));
      await asked;
      if (frontend !== undefined) return frontend;
    }
    throw new Error('no request was seen in progress');
  }

  /** The first word of a session is its frontend. */
  function findFrontend(memory: Memory, pid: number): number | undefined {
    const table = pointerAt(memory, codeStart(pid, PROC_ROOT) + layout.tableFromCode);
    for (let fd = 0; fd < 64; fd++) {
      const entry = table + fd * layout.entryBytes + layout.entryOwner;
      const connection = pointerAt(memory, entry);
      const mux = pointerAt(memory, connection + layout.connectionMux);
      const stream = pointerAt(memory, mux + layout.muxStream);
      const session = pointerAt(memory, stream + layout.streamSession);
      const origin = pointerAt(memory, session + layout.sessionOrigin);
      if (connection !== 0 && origin === connection) return pointerAt(memory, session);
    }
    return undefined;
  }
});
