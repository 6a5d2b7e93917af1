/** The layout of the installed HAProxy, found as the agent finds it: in a process that has requests. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inspector } from '../../src/discover/plan.ts';
import { readProcess } from '../../src/discover/processes.ts';
import type { HaproxyLayout } from '../../src/handoff/haproxy-layout.ts';
import { askMany } from '../e2e/harness/http-client.ts';
import { freePorts } from '../e2e/harness/ports.ts';
import { startProxy } from './proxies.ts';

const HOLD_MS = 50;
const IN_FLIGHT = 4;
const ROUNDS_MAX = 20;

export async function findHaproxyLayout(folder: string): Promise<HaproxyLayout> {
  const backend = createServer((_, response) => setTimeout(() => response.end(), HOLD_MS));
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const { port } = await freePorts('port');
  const backendPort = (backend.address() as AddressInfo).port;
  const proxy = await startProxy({ kind: 'haproxy', folder, port, backendPort, upstream: 'reuse' });
  try {
    return await look(proxy.program.pid, port);
  } finally {
    await proxy.program.stop();
    backend.close();
    backend.closeAllConnections();
  }
}

async function look(pid: number, port: number): Promise<HaproxyLayout> {
  const inspector = new Inspector();
  const info = readProcess(pid);
  if (info === undefined) throw new Error('HAProxy is gone');
  inspector.watch(info);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const answers = askMany(port, IN_FLIGHT, (n) => `/${n}`);
    await sleep(HOLD_MS / 2);
    inspector.walks.look();
    await answers;
    const { walk } = inspector.plan(info);
    if (walk !== undefined) return walk.layout;
  }
  throw new Error('its structures were not found');
}
