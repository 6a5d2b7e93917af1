/**
 * link: are the parents right? Identical requests through a real proxy; the truth is a token in
 * each request that is blanked before the agent's linker sees it (src/capture/mask.ts), written
 * down by the load generator (client port, ordinal) and by the backends (upstream port, ordinal).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, exportTo } from './agent.ts';
import { nonZero } from './facts.ts';
import { failure } from './failure.ts';
import { Load } from './loadgen.ts';
import { machine, versions } from './machine.ts';
import { Flags, type FlagTable, usage } from './options.ts';
import { ACCESS_LOG, PROXIES, SCENARIOS, supports, TOKEN_MARKER } from './proxies.ts';
import {
  BOTH_CPUS,
  IN_FLIGHT_MAX,
  OTHER_CPU,
  PROXY_CPU,
  progress,
  type Scene,
  type ScenePlan,
  withScene,
} from './scene.ts';
import { Receiver, readSpans } from './spans.ts';
import { type LinkFigures, parseAccessLog, readTruth, scoreLinks, type Truth } from './truth.ts';

export const FLAGS: FlagTable = {
  proxy: 'nginx (default), haproxy or caddy',
  'in-flight': 'connections that always have a request in flight (128)',
  requests: 'how many requests (100000)',
  upstream: 'new: a connection per upstream request (default); reuse: the proxy keeps a pool',
  threads: 'workers of nginx, nbthread of HAProxy, GOMAXPROCS of Caddy (1; Caddy 2)',
  scenario: 'plain (default); nginx also auth, retry, limit',
  truth:
    'token (default): masked, in each request; proxy-log: nginx names requests, none has a token',
  token: 'where the masked token travels: header (default) or query',
  'delay-ms': 'constant delay of the backends (0)',
  'exponential-ms':
    'mean of an exponential delay on top (in-flight / 8, some 8 000 requests/s; limit: 0)',
  'limit-rate': 'scenario limit: requests/s that pass undelayed (4000)',
  'seconds-max': 'the load ends after this time at the latest (600)',
};

/** Hops wait at most a second for their rest; a collector batch adds to it. */
const QUIET_MS = 5_000;

export async function run(args: readonly string[]): Promise<Record<string, unknown>> {
  const before = machine();
  const flags = new Flags('link', FLAGS, args);
  const plan = planOf(flags);
  const requests = flags.number('requests', 100_000);
  const place = flags.choice('token', ['header', 'query']);
  const token = plan.namesRequests ? undefined : place;
  const result = await withScene(plan, (scene) => measure(scene, plan, requests, token));
  return { ...result, options: flags.used, versions: versions(plan.proxy), machine: before };
}

function planOf(flags: Flags): ScenePlan {
  const proxy = flags.choice('proxy', PROXIES);
  const scenario = flags.choice('scenario', SCENARIOS);
  if (!supports(proxy, scenario)) throw usage('link', `${proxy} has no scenario ${scenario}`);
  const namesRequests = flags.choice('truth', ['token', 'proxy-log']) === 'proxy-log';
  if (namesRequests && proxy !== 'nginx') throw usage('link', `${proxy} writes no such log`);
  const inFlight = flags.number('in-flight', 128, { max: IN_FLIGHT_MAX });
  const threads = flags.number('threads', proxy === 'caddy' ? 2 : 1);
  const natural = scenario === 'limit' || inFlight === 1 ? 0 : inFlight / 8;
  return {
    proxy,
    scenario,
    upstream: flags.choice('upstream', ['new', 'reuse']),
    threads,
    inFlight,
    // Threads that cannot run at the same time would hide what makes linking hard.
    proxyCpus: threads > 1 ? BOTH_CPUS : PROXY_CPU,
    delayMs: flags.number('delay-ms', 0, { min: 0, isWhole: false }),
    exponentialMs: flags.number('exponential-ms', natural, { min: 0, isWhole: false }),
    sizeBytes: 64,
    limitRate: flags.number('limit-rate', 4_000),
    secondsMax: flags.number('seconds-max', 600),
    hasTruth: true,
    namesRequests,
  };
}

async function measure(
  scene: Scene,
  plan: ScenePlan,
  requests: number,
  token: 'header' | 'query' | undefined,
): Promise<Record<string, unknown>> {
  const spansFile = join(scene.folder, 'spans');
  const requestTruth = join(scene.folder, 'loadgen.truth');
  const receiver = await Receiver.start(OTHER_CPU, spansFile, TOKEN_MARKER);
  const agent = await Agent.start({
    flags: ['--port', String(scene.proxyPort)],
    env: { ...exportTo(receiver.endpoint), SPANTAP_BENCH_MASK: TOKEN_MARKER },
    folder: scene.folder,
    cpus: OTHER_CPU,
  });
  progress(`agent attached; ${requests} requests, ${plan.inFlight} in flight`);
  const load = await Load.start({
    binary: scene.tools.loadgen,
    cpus: OTHER_CPU,
    port: scene.proxyPort,
    connections: plan.inFlight,
    secondsMax: plan.secondsMax,
    requests,
    ...(token ? { token } : {}),
    log: requestTruth,
  });
  const end = await load.end;
  const elapsed = await load.child.exited;
  progress(`load ended (${elapsed}): ${JSON.stringify(end)}`);
  await receiver.settled(expectedSpans(plan, end.answered), QUIET_MS);
  const summary = await agent.stop();
  const received = await receiver.stop();
  // Their truth files are complete when they have ended.
  await scene.backend.stop();
  await scene.proxy.child.stop();
  progress(`${received.spans} spans received; joining`);
  const figures = scoreLinks({
    requests: token ? readTruth(requestTruth) : readAccessLog(scene, load.wallOffsetNs),
    egress: readTruth(scene.backendTruth),
    spans: readSpans(spansFile),
    wallOffsetNs: load.wallOffsetNs,
  });
  checkHarness(figures, received.unmasked);
  for (const example of figures.examples) progress(`wrong: ${example}`);
  return {
    bench: 'link',
    ...figures,
    // 95 %: rule of three when there is none.
    wrongRateBelow: figures.wrong === 0 ? 3 / figures.egress : null,
    load: end,
    received,
    ...(plan.scenario === 'limit' ? { delayed: countDelayed(scene) } : {}),
    agent: nonZero(summary),
  };
}

function expectedSpans(plan: ScenePlan, answered: number): number {
  const egressPerRequest = plan.scenario === 'auth' || plan.scenario === 'retry' ? 2 : 1;
  return answered * (1 + egressPerRequest);
}

/** A run whose truth is in doubt gives no figures. */
function checkHarness(figures: LinkFigures, unmasked: number): void {
  if (figures.strangers > 0) {
    throw failure(`${figures.strangers} backend records carry a token that no request had`);
  }
  if (unmasked > 0) throw failure(`${unmasked} bodies show a token: the mask did not work`);
  if (figures.egress === 0) throw failure('no egress exchange has a token');
}

function accessLog(scene: Scene): string {
  return readFileSync(join(scene.folder, 'proxy', ACCESS_LOG), 'utf8');
}

function readAccessLog(scene: Scene, wallOffsetNs: number): Truth[] {
  return parseAccessLog(accessLog(scene), scene.proxyPort, wallOffsetNs);
}

/** Scenario limit: how many requests nginx held back on a timer, by its own log. */
function countDelayed(scene: Scene): number {
  return accessLog(scene).split(' DELAYED\n').length - 1;
}
