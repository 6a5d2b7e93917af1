/**
 * overhead: what does it cost? The probes at saturation and at one connection (probes.ts), and
 * the whole agent at a rate that leaves the second core room (whole.ts). All figures are medians
 * of paired slices inside one load run; `iqr` holds the quartiles, `control` the same for A/A.
 */
import { machine, versions } from './machine.ts';
import { Flags, type FlagTable } from './options.ts';
import { agentFigures, merge, probeFigures } from './overhead-figures.ts';
import { measureProbes } from './probes.ts';
import { IN_FLIGHT_MAX, PROXY_CPU, progress, type ScenePlan, withScene } from './scene.ts';
import { measureWhole, RATE_CONNECTIONS } from './whole.ts';

export const FLAGS: FlagTable = {
  proxy: 'nginx (default) or haproxy',
  level: 'summary (default); full: all headers materialised, bodies copied to the limit',
  watch: 'proxy (default): its processes alone; host: everything on the host',
  upstream: 'reuse: the proxy keeps a pool (default); new: a connection per upstream request',
  part: 'all (default), probes or agent: only that half is measured',
  connections: 'in flight at saturation (32)',
  rounds: 'rounds of probe slices at saturation, 5 s each (12)',
  'latency-rounds': 'rounds of probe slices at one connection, 4 s each (24)',
  'agent-rounds': 'rounds of whole-agent blocks, a minute and a half each (3)',
  'warm-seconds': 'how long each started agent runs before it is measured (6)',
  'size-bytes': 'response body of the backends (64)',
  rate: 'requests/s for the whole agent; 0: find it (0)',
};

/** What `full` copies of each body; enough for what storing would want of a small one. */
const FULL_BODY_BYTES = 64 * 1024;

/** What is compared at saturation, and at one connection: there only what the agent does counts. */
const SATURATED = ['syscall', 'control', 'link', 'control.link', 'filtered'] as const;
const SINGLE = ['link', 'control', 'filtered'] as const;

export async function run(args: readonly string[]): Promise<Record<string, unknown>> {
  const before = machine();
  const flags = new Flags('overhead', FLAGS, args);
  const proxy = flags.choice('proxy', ['nginx', 'haproxy']);
  const level = flags.choice('level', ['summary', 'full']);
  const watchAll = flags.choice('watch', ['proxy', 'host']) === 'host';
  const part = flags.choice('part', ['all', 'probes', 'agent']);
  const connections = flags.number('connections', 32, { max: IN_FLIGHT_MAX });
  const rounds = flags.number('rounds', 12);
  const latencyRounds = flags.number('latency-rounds', 24);
  const whole = {
    rounds: flags.number('agent-rounds', 3),
    warmSeconds: flags.number('warm-seconds', 6),
    rate: flags.number('rate', 0, { min: 0 }),
    level,
    watchAll,
  };
  const plan: ScenePlan = {
    proxy,
    scenario: 'plain',
    upstream: flags.choice('upstream', ['reuse', 'new']),
    threads: 1,
    inFlight: Math.max(connections, RATE_CONNECTIONS),
    proxyCpus: PROXY_CPU,
    delayMs: 0,
    exponentialMs: 0,
    sizeBytes: flags.number('size-bytes', 64, { min: 0 }),
    limitRate: 1,
    secondsMax: 3600,
    hasTruth: false,
  };
  const bodyBytesMax = level === 'full' ? FULL_BODY_BYTES : 0;
  const figures = await withScene(plan, async (scene) => {
    const probe = { watchAll, bodyBytesMax };
    const atMany = { ...probe, connections, variants: SATURATED, rounds };
    const atOne = { ...probe, connections: 1, variants: SINGLE, rounds: latencyRounds };
    const isProbed = part !== 'agent';
    const saturated = isProbed && (await measureProbes(scene, atMany));
    const single = isProbed && (await measureProbes(scene, atOne));
    const agent = part !== 'probes' && (await measureWhole(scene, whole));
    progress('done');
    return merge([
      ...(saturated && single ? [probeFigures(saturated, single)] : []),
      ...(agent ? [agentFigures(agent)] : []),
    ]);
  });
  return {
    bench: 'overhead',
    ...figures,
    options: flags.used,
    versions: versions(proxy),
    machine: before,
  };
}
