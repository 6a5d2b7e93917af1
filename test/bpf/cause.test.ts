/**
 * exact.state against real proxies: concurrent requests that differ only in a token, which the
 * kernel side does not look at. Every stamped egress request must carry the token of the ingress
 * request that the stamp names, and every egress request must be stamped.
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
import { type ProxyKind, type RunningProxy, startProxy } from '../bench/proxies.ts';
import { askMany } from '../e2e/harness/http-client.ts';
import { freePorts } from '../e2e/harness/ports.ts';
import { type Data, skip, Tap } from './harness.ts';

const IN_FLIGHT = 48;
const ROUNDS = 4;
const REQUESTS = IN_FLIGHT * ROUNDS;

/** Answers later for some than for others, so that order of answers is not order of requests. */
async function startBackend(): Promise<Server> {
  const server = createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
    await sleep(Math.random() * 8);
    response.setHeader('content-type', 'text/plain').end(`answer to ${request.url}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;
const tokenOf = (data: Data) => /^GET \/t\/(\d+) /.exec(data.text)?.[1];

interface Verdict {
  readonly egress: number;
  readonly right: number;
  readonly wrong: number;
}

/** The ingress request that a stamp names is the last one read completely by then. */
function judge(tap: Tap): Verdict {
  const heads = tap.datas.filter((data) => tokenOf(data) !== undefined);
  const clients = new Set(
    tap.opens.filter((open) => open.role === 'client').map((open) => open.connectionId),
  );
  const verdict = { egress: 0, right: 0, wrong: 0 };
  for (const egress of heads.filter((data) => data.isWrite && clients.has(data.connectionId))) {
    verdict.egress++;
    if (egress.cause === 0) continue;
    const ingress = heads.findLast(
      (data) =>
        data.connectionId === egress.causeConnectionId &&
        data.position + data.lenBytes <= egress.causeReadPosition,
    );
    if (ingress && tokenOf(ingress) === tokenOf(egress)) verdict.right++;
    else verdict.wrong++;
  }
  return verdict;
}

async function load(port: number): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const answers = await askMany(port, IN_FLIGHT, (n) => `/t/${round * IN_FLIGHT + n}`);
    assert.ok(answers.every((answer) => answer.status === 200));
  }
}

describe('state of the proxy names the ingress request', { skip }, () => {
  let backend: Server;
  let folder: string;
  before(async () => {
    backend = await startBackend();
    folder = mkdtempSync(join(tmpdir(), 'spantap-cause-'));
  });
  after(() => {
    backend.close();
    backend.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(
    kind: ProxyKind,
    upstream: 'new' | 'reuse',
  ): Promise<[RunningProxy, number]> {
    const { proxy } = await freePorts('proxy');
    const main = [portOf(backend)];
    const running = await startProxy({
      kind,
      folder: join(folder, `${kind}-${upstream}`),
      port: proxy,
      upstreams: { main, failing: 1, auth: 1 },
      upstream,
      scenario: 'plain',
      threads: 2,
      inFlight: IN_FLIGHT,
      cpus: '0-1',
      limitRate: 1,
    });
    return [running, proxy];
  }

  for (const kind of ['nginx', 'haproxy', 'caddy'] as const) {
    for (const upstream of ['new', 'reuse'] as const) {
      test(`${kind}, upstream connections: ${upstream}`, async () => {
        const [proxy, port] = await start(kind, upstream);
        try {
          using tap = new Tap({ ringBytes: 8 << 20 });
          for (const pid of proxy.workers) tap.inspect(pid);
          await load(port);
          await tap.until('all egress', () => judge(tap).egress >= REQUESTS);
          assert.deepEqual(judge(tap), { egress: REQUESTS, right: REQUESTS, wrong: 0 });
          assert.equal(tap.counter('COUNTER_CAUSE_TAKEN'), REQUESTS);
        } finally {
          await proxy.child.stop();
        }
      });
    }

    test(`${kind}, upstream connections opened before the probes`, async () => {
      const [proxy, port] = await start(kind, 'reuse');
      try {
        await load(port);
        using tap = new Tap({ ringBytes: 8 << 20 });
        for (const pid of proxy.workers) tap.inspect(pid);
        await load(port);
        await tap.until('all egress', () => judge(tap).egress >= REQUESTS);
        assert.deepEqual(judge(tap), { egress: REQUESTS, right: REQUESTS, wrong: 0 });
      } finally {
        await proxy.child.stop();
      }
    });
  }
});
