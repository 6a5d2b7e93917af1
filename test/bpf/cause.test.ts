/**
 * exact.state against real proxies: concurrent requests that differ only in a token, which the
 * kernel side does not look at. Every stamped egress request must carry the token of the ingress
 * request that the stamp names, every egress request must be stamped, health checks must not be.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventCause, eventCauseFlag } from '../../src/capture/layout.gen.ts';
import type { HaproxyLayout } from '../../src/handoff/haproxy-layout.ts';
import { allTraffic } from '../../src/handoff/traffic.ts';
import { ask, askMany, converse, oneConnection } from '../e2e/harness/http-client.ts';
import { freePorts } from '../e2e/harness/ports.ts';
import { findHaproxyLayout } from './haproxy-layout.ts';
import { type Data, skip, Tap } from './harness.ts';
import { type ProxyKind, type ProxyOptions, type RunningProxy, startProxy } from './proxies.ts';

const IN_FLIGHT = 48;
const ROUNDS = 4;
const REQUESTS = IN_FLIGHT * ROUNDS;

/** Answers later for some than for others, so that order of answers is not order of requests. */
async function startBackend(): Promise<Server> {
  const server = createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
    await sleep(request.url?.startsWith('/hold/') ? 150 : Math.random() * 8);
    response.setHeader('content-type', 'text/plain').end(`answer to ${request.url}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** In which ways the state of which proxies is read. */
const WAYS = [
  { name: 'nginx', kind: 'nginx', isWalked: false },
  { name: 'haproxy', kind: 'haproxy', isWalked: false },
  { name: 'haproxy without probes', kind: 'haproxy', isWalked: true },
  { name: 'caddy', kind: 'caddy', isWalked: false },
] as const;

const portOf = (server: Server) => (server.address() as AddressInfo).port;
const tokenOf = (data: Data) => /^[A-Z]+ \/\S*?(\d+) HTTP/.exec(data.text)?.[1];

/** Health checks as the proxy sends them. */
const checksOf = (tap: Tap) =>
  tap.datas.filter((data) => data.isWrite && data.text.startsWith('GET /health'));

function hasIngress({ cause, causeFlags }: Data): boolean {
  const isStamped = cause !== eventCause.CAUSE_NONE;
  return isStamped && (causeFlags & eventCauseFlag.CAUSE_NO_INGRESS) === 0;
}

/** Egress request heads, and the ingress ones that their stamps may name. */
function headsOf(tap: Tap): { egress: Data[]; ingress: Data[] } {
  const clients = new Set(
    tap.opens.filter((open) => open.role === 'client').map((open) => open.connectionId),
  );
  const heads = tap.datas.filter((data) => tokenOf(data) !== undefined);
  return {
    egress: heads.filter((data) => data.isWrite && clients.has(data.connectionId)),
    ingress: heads.filter((data) => !data.isWrite),
  };
}

interface Verdict {
  readonly egress: number;
  readonly right: number;
  readonly wrong: number;
}

/** The ingress request that a stamp names is the last one read completely by then. */
function judge(tap: Tap): Verdict {
  const { egress, ingress } = headsOf(tap);
  const verdict = { egress: egress.length, right: 0, wrong: 0 };
  for (const request of egress.filter((data) => data.cause !== eventCause.CAUSE_NONE)) {
    const named = ingress.findLast(
      (data) =>
        data.connectionId === request.causeConnectionId &&
        data.position + data.lenBytes <= request.causeReadPosition,
    );
    if (named && tokenOf(named) === tokenOf(request)) verdict.right++;
    else verdict.wrong++;
  }
  return verdict;
}

async function load(port: number, path = '/t/'): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const answers = await askMany(port, IN_FLIGHT, (n) => `${path}${round * IN_FLIGHT + n}`);
    assert.deepEqual(
      answers.filter((answer) => answer.status !== 200),
      [],
    );
  }
}

describe('state of the proxy names the ingress request', { skip }, () => {
  let backend: Server;
  let folder: string;
  let layout: HaproxyLayout;
  before(async () => {
    backend = await startBackend();
    folder = mkdtempSync(join(tmpdir(), 'spantap-cause-'));
    layout = await findHaproxyLayout(join(folder, 'layout'));
  });
  after(() => {
    backend.close();
    backend.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs `check` with a proxy that is ended afterwards. */
  async function withProxy(
    kind: ProxyKind,
    upstream: 'new' | 'reuse',
    check: (port: number, proxy: RunningProxy) => Promise<void>,
    more: Partial<ProxyOptions> = {},
  ): Promise<void> {
    const { port } = await freePorts('port');
    const backendPort = portOf(backend);
    const options = { kind, folder: join(folder, kind), port, backendPort, upstream, ...more };
    const proxy = await startProxy(options);
    try {
      await check(port, proxy);
    } finally {
      await proxy.program.stop();
    }
  }

  function attach(proxy: RunningProxy, traffic = allTraffic(0), isWalked = false): Tap {
    const tap = new Tap({ ringBytesMin: 4 << 20, traffic });
    for (const pid of proxy.workers) {
      if (isWalked) tap.walk(pid, layout);
      else tap.inspect(pid);
    }
    return tap;
  }

  /** `perRequest` egress requests are expected for each ingress request. */
  async function expectAllRight(tap: Tap, perRequest = 1): Promise<void> {
    const egress = REQUESTS * perRequest;
    await tap.until('all egress', () => judge(tap).egress >= egress);
    assert.deepEqual(judge(tap), { egress, right: egress, wrong: 0 });
  }

  for (const { name, kind, isWalked } of WAYS) {
    for (const upstream of ['new', 'reuse'] as const) {
      test(`${name}, upstream connections: ${upstream}`, () =>
        withProxy(kind, upstream, async (port, proxy) => {
          using tap = attach(proxy, allTraffic(0), isWalked);
          await load(port);
          await expectAllRight(tap);
          // The next check comes within 20 ms, and would be counted.
          tap.stop();
          const checks = checksOf(tap);
          assert.deepEqual(checks.filter(hasIngress), []);
          const stamped = checks.filter((data) => data.cause !== eventCause.CAUSE_NONE);
          assert.equal(tap.counter('COUNTER_CAUSE_TAKEN'), REQUESTS + stamped.length);
          if (kind === 'haproxy') assert.equal(stamped.length, checks.length);
        }));
    }

    test(`${name}, upstream connections opened before`, () =>
      withProxy(kind, 'reuse', async (port, proxy) => {
        await load(port);
        using tap = attach(proxy, allTraffic(0), isWalked);
        await load(port);
        await expectAllRight(tap);
      }));

    test(`${name}, several requests on one client connection`, () =>
      withProxy(kind, 'reuse', async (port, proxy) => {
        using tap = attach(proxy, allTraffic(0), isWalked);
        const connections = oneConnection();
        for (let n = 0; n < 20; n++) await ask(port, `/t/${n}`, { connections });
        connections.destroy();
        await tap.until('all egress', () => judge(tap).egress >= 20);
        assert.deepEqual(judge(tap), { egress: 20, right: 20, wrong: 0 });
      }));
  }

  for (const { name, kind, isWalked } of WAYS) {
    test(`${name}: with ingress excluded, stamps say so`, () =>
      withProxy(kind, 'reuse', async (port, proxy) => {
        const excluded = { ...allTraffic(0).excluded, ingress: true };
        using tap = attach(proxy, { ...allTraffic(0), excluded }, isWalked);
        await load(port);
        await tap.until('all egress', () => headsOf(tap).egress.length >= REQUESTS);
        assert.deepEqual(
          tap.opens.filter((open) => open.role === 'server'),
          [],
        );
        for (const request of headsOf(tap).egress) {
          const { CAUSE_EXCLUDED } = eventCauseFlag;
          assert.notEqual(request.cause, eventCause.CAUSE_NONE);
          assert.equal(request.causeFlags & CAUSE_EXCLUDED, CAUSE_EXCLUDED);
          assert.equal(request.causeConnectionId, 0);
        }
        const checks = checksOf(tap).filter(
          (data) => data.causeFlags & eventCauseFlag.CAUSE_EXCLUDED,
        );
        assert.deepEqual(checks, []);
      }));
  }

  /**
   * While its request waits in HAProxy's queue, each piece of its body makes the stream try again
   * and get no connection; the connections that the thread opens then are those of health checks.
   */
  async function waitInQueue(port: number): Promise<void> {
    const socket = connect(port, '127.0.0.1').setNoDelay(true);
    socket.write('POST /hold/9 HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n');
    for (let i = 0; i < 15; i++) {
      await sleep(10);
      socket.write('x');
    }
    await once(socket, 'data');
    socket.destroy();
  }

  for (const { name, isWalked } of WAYS.filter(({ kind }) => kind === 'haproxy')) {
    test(`${name}: a health check is not the connection of a request that waits`, () =>
      withProxy(
        'haproxy',
        'new',
        async (port, proxy) => {
          using tap = attach(proxy, allTraffic(0), isWalked);
          await Promise.all([ask(port, '/hold/1'), ask(port, '/hold/2'), waitInQueue(port)]);
          await tap.until('all egress', () => judge(tap).egress >= 3);
          assert.deepEqual(judge(tap), { egress: 3, right: 3, wrong: 0 });
          const checks = checksOf(tap);
          assert.ok(checks.length > 2, 'checks while requests waited');
          assert.deepEqual(checks.filter(hasIngress), []);
          if (!isWalked) assert.ok(tap.counter('COUNTER_CAUSE_REFUSED') > 0);
        },
        { serverMax: 1, threads: 1 },
      ));
  }

  for (const { name, kind, isWalked } of WAYS) {
    test(`${name}: pipelined requests are never given to another connection`, () =>
      withProxy(kind, 'reuse', async (port, proxy) => {
        using tap = attach(proxy, allTraffic(0), isWalked);
        const pipelined = (n: number) =>
          [0, 1, 2].map((i) => `GET /t/${1000 + 3 * n + i} HTTP/1.1\r\nHost: x\r\n\r\n`).join('');
        const lines = Array.from({ length: 20 }, (_, n) =>
          converse(port, [pipelined(n)], /(answer to[\s\S]*){3}/),
        );
        await Promise.all([load(port), ...lines]);
        const egress = () => headsOf(tap).egress;
        await tap.until('all egress', () => egress().length >= REQUESTS + 60);
        for (const request of egress().filter((data) => data.cause !== eventCause.CAUSE_NONE)) {
          const line = `GET /t/${tokenOf(request)} HTTP`;
          const ingress = tap.datas.find((data) => !data.isWrite && data.text.includes(line));
          assert.equal(request.causeConnectionId, ingress?.connectionId);
        }
      }));
  }

  test('nginx: subrequests are stamped as such, with the client of the main request', () =>
    withProxy('nginx', 'reuse', async (port, proxy) => {
      using tap = attach(proxy);
      await load(port, '/auth/');
      await expectAllRight(tap, 2);
      for (const data of headsOf(tap).egress) {
        const isSubrequest = data.text.startsWith('GET /check');
        assert.equal((data.causeFlags & eventCauseFlag.CAUSE_SUBREQUEST) !== 0, isSubrequest);
      }
    }));

  test('nginx: retries on another server', () =>
    withProxy('nginx', 'new', async (port, proxy) => {
      using tap = attach(proxy);
      await load(port, '/retry/');
      await expectAllRight(tap);
    }));

  test('nginx: requests that a timer delays', () =>
    withProxy('nginx', 'reuse', async (port, proxy) => {
      using tap = attach(proxy);
      await load(port, '/slow/');
      await expectAllRight(tap);
    }));
});
