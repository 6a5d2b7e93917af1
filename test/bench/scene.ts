/**
 * What every benchmark stands on: a folder of its own, a backend, a proxy on its core, and the
 * end of all of it.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { choosePorts, startBackend } from './backends.ts';
import { buildLoadTools, type LoadTools } from './build.ts';
import { type Child, stopAll } from './children.ts';
import { pinSelf } from './machine.ts';
import { type ProxyKind, type RunningProxy, type Scenario, startProxy } from './proxies.ts';

/** The proxy has the first core alone where one core is all it uses; everything else shares the other. */
export const PROXY_CPU = '0';
export const OTHER_CPU = '1';
export const BOTH_CPUS = '0,1';

/** Each request takes two of the 8192 connections that a worker of nginx may have here. */
export const IN_FLIGHT_MAX = 4_000;

/** More than one port, so that 100 000 new connections do not meet the ones in TIME_WAIT. */
const MAIN_PORTS = { new: 8, reuse: 2 } as const;

export interface ScenePlan {
  readonly proxy: ProxyKind;
  readonly scenario: Scenario;
  readonly upstream: 'new' | 'reuse';
  readonly threads: number;
  readonly inFlight: number;
  readonly proxyCpus: string;
  readonly delayMs: number;
  readonly exponentialMs: number;
  readonly sizeBytes: number;
  readonly limitRate: number;
  readonly secondsMax: number;
  readonly hasTruth: boolean;
  /** See ProxyPlan. */
  readonly namesRequests?: boolean;
}

export interface Scene {
  readonly folder: string;
  readonly tools: LoadTools;
  readonly proxyPort: number;
  readonly backendPorts: readonly number[];
  readonly proxy: RunningProxy;
  readonly backend: Child;
  /** Ground truth written by the backends, when asked for. */
  readonly backendTruth: string;
}

export function progress(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}

/** Runs `body` on a fresh scene and takes it down, whatever happens. */
export async function withScene<T>(
  plan: ScenePlan,
  body: (scene: Scene) => Promise<T>,
): Promise<T> {
  pinSelf(OTHER_CPU);
  const folder = mkdtempSync(join(tmpdir(), 'spantap-bench-'));
  // Proxies give up root and still have to reach their folders.
  chmodSync(folder, 0o755);
  const interrupt = () => void stopAll().then(() => process.exit(130));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    return await body(await build(plan, folder));
  } finally {
    await stopAll();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    if (process.env.SPANTAP_BENCH_KEEP) progress(`kept ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

async function build(plan: ScenePlan, folder: string): Promise<Scene> {
  const tools = buildLoadTools();
  const mainCount = MAIN_PORTS[plan.upstream];
  const [proxyPort = 0, failing = 0, auth = 0, ...main] = await choosePorts(3 + mainCount);
  const upstreams = { main, failing, auth };
  const backendTruth = join(folder, 'backend.truth');
  const backend = await startBackend({
    ...plan,
    binary: tools.backend,
    cpus: OTHER_CPU,
    upstreams,
    ...(plan.hasTruth ? { log: backendTruth } : {}),
  });
  const proxy = await startProxy({
    ...plan,
    kind: plan.proxy,
    folder: join(folder, 'proxy'),
    port: proxyPort,
    upstreams,
    cpus: plan.proxyCpus,
    namesRequests: plan.namesRequests ?? false,
  });
  progress(`${plan.proxy} on :${proxyPort}, cores ${plan.proxyCpus}`);
  const backendPorts = [...main, failing, auth];
  return { folder, tools, proxyPort, backendPorts, proxy, backend, backendTruth };
}
