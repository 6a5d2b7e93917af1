/** The backend process of a run: its ports, what each answers, its truth file. */
import { createServer } from 'node:net';
import { Child } from './children.ts';
import type { Scenario, UpstreamPorts } from './proxies.ts';

export interface BackendPlan {
  readonly binary: string;
  readonly cpus: string;
  readonly upstreams: UpstreamPorts;
  readonly scenario: Scenario;
  readonly delayMs: number;
  readonly exponentialMs: number;
  readonly sizeBytes: number;
  readonly secondsMax: number;
  /** Ground truth; undefined: none is written. */
  readonly log?: string;
}

const START_TIMEOUT_MS = 5_000;

export async function startBackend(plan: BackendPlan): Promise<Child> {
  const delay = `,delay=${plan.delayMs},exponential=${plan.exponentialMs}`;
  const listen = plan.upstreams.main.map((port) => `${port},size=${plan.sizeBytes}${delay}`);
  if (plan.scenario === 'retry') listen.push(`${plan.upstreams.failing},status=502${delay}`);
  if (plan.scenario === 'auth') listen.push(`${plan.upstreams.auth},status=204${delay}`);
  const child = new Child({
    name: 'backend',
    command: plan.binary,
    args: [
      ...['--seconds', String(plan.secondsMax)],
      ...listen.flatMap((text) => ['--listen', text]),
      ...(plan.log ? ['--log', plan.log] : []),
    ],
    cpus: plan.cpus,
  });
  await child.line(/"start"/, START_TIMEOUT_MS);
  return child;
}

/**
 * Free ports below the ephemeral range (a connection of the run itself could take one of those
 * before its server listens).
 */
export async function choosePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (!ports.includes(port) && (await isFree(port))) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.on('error', () => resolve(false));
  server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)));
  return promise;
}
