/**
 * loss: is every exchange accounted for? A fixed rate through nginx, the agent exporting to a
 * receiver that counts and discards, everything on two cores. Each exchange of the proxy (two per
 * proxied request) is a span, or counted as lost or dropped.
 */
import { Agent, exportTo } from './agent.ts';
import { lostEvents, nonZero, total } from './facts.ts';
import { Load } from './loadgen.ts';
import { machine, versions } from './machine.ts';
import { Flags, type FlagTable } from './options.ts';
import { PROXIES } from './proxies.ts';
import {
  IN_FLIGHT_MAX,
  OTHER_CPU,
  PROXY_CPU,
  progress,
  type Scene,
  type ScenePlan,
  withScene,
} from './scene.ts';
import { Receiver } from './spans.ts';
import { round } from './statistics.ts';

export const FLAGS: FlagTable = {
  rate: 'proxied requests/s to offer (50000); 0: as many as possible',
  seconds: 'how long (10)',
  proxy: 'nginx (default), haproxy or caddy',
  'in-flight': 'connections that the rate is spread over (512)',
  nice: 'niceness of the agent (0): below 0 it has the processor before the load, -20 to 19',
  upstream: 'reuse: the proxy keeps a pool (default); new: a connection per upstream request',
};

const EXCHANGES_PER_REQUEST = 2;
const QUIET_MS = 5_000;

export async function run(args: readonly string[]): Promise<Record<string, unknown>> {
  const before = machine();
  const flags = new Flags('loss', FLAGS, args);
  const rate = flags.number('rate', 50_000, { min: 0 });
  const seconds = flags.number('seconds', 10);
  const nice = flags.number('nice', 0, { min: -20, max: 19 });
  const plan: ScenePlan = {
    proxy: flags.choice('proxy', PROXIES),
    scenario: 'plain',
    upstream: flags.choice('upstream', ['reuse', 'new']),
    threads: 1,
    inFlight: flags.number('in-flight', 512, { max: IN_FLIGHT_MAX }),
    proxyCpus: PROXY_CPU,
    delayMs: 0,
    exponentialMs: 0,
    sizeBytes: 64,
    limitRate: 1,
    secondsMax: seconds + 120,
    hasTruth: false,
  };
  const result = await withScene(plan, (scene) => measure(scene, plan, { rate, seconds, nice }));
  return { ...result, options: flags.used, versions: versions(plan.proxy), machine: before };
}

interface Demand {
  /** Proxied requests/s. */
  readonly rate: number;
  readonly seconds: number;
  readonly nice: number;
}

async function measure(scene: Scene, plan: ScenePlan, { rate, seconds, nice }: Demand) {
  const receiver = await Receiver.start(OTHER_CPU);
  const agent = await Agent.start({
    flags: ['--port', String(scene.proxyPort)],
    env: exportTo(receiver.endpoint),
    folder: scene.folder,
    cpus: OTHER_CPU,
    nice,
  });
  progress(`agent attached; ${rate} requests/s for ${seconds} s`);
  const load = await Load.start({
    binary: scene.tools.loadgen,
    cpus: OTHER_CPU,
    port: scene.proxyPort,
    connections: plan.inFlight,
    secondsMax: seconds,
    rate,
  });
  const end = await load.end;
  const memory = agent.memoryMb();
  const exchanges = EXCHANGES_PER_REQUEST * end.answered;
  await receiver.settled(exchanges, QUIET_MS);
  const summary = await agent.stop();
  const received = await receiver.stop();
  const lost = total(summary, 'lost');
  const dropped = total(summary, 'dropped');
  return {
    bench: 'loss',
    offered: Math.round(end.sent / seconds),
    requests: exchanges,
    spans: received.spans,
    lost,
    dropped,
    /** 0: every exchange is accounted for. */
    unaccounted: exchanges - received.spans - lost - dropped,
    truncated: total(summary, 'truncated'),
    unlinked: total(summary, 'unlinked'),
    lostEvents: lostEvents(summary),
    agentRssMb: round(memory.rss),
    agentRssPeakMb: round(memory.peak),
    load: end,
    received,
    agent: nonZero(summary),
  };
}
