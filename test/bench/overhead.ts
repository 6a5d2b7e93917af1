/**
 * overhead: what does it cost? The probes at saturation and at one connection (probes.ts), and
 * the whole agent at a rate that leaves the second core room (whole.ts). All figures are medians
 * of paired slices inside one load run; `iqr` holds the quartiles, `control` the same for A/A.
 */
import { machine, versions } from './machine.ts';
import { Flags, type FlagTable } from './options.ts';
import { difference, type Metric, measureProbes, type ProbeResult, type Slice } from './probes.ts';
import { PROXY_CPU, progress, type ScenePlan, withScene } from './scene.ts';
import { median, type Paired, quantile, round } from './statistics.ts';
import { measureWhole, RATE_CONNECTIONS, type RateSlice, type WholeResult } from './whole.ts';

export const FLAGS: FlagTable = {
  proxy: 'nginx (default) or haproxy',
  level: 'summary (default); full: all headers materialised, bodies copied to the limit',
  watch: 'proxy (default): its processes alone; host: everything on the host',
  upstream: 'reuse: the proxy keeps a pool (default); new: a connection per upstream request',
  part: 'all (default), probes or agent: only that half is measured',
  connections: 'in flight at saturation (32)',
  rounds: 'rounds of probe slices, 2.5 s each at least (12)',
  'agent-rounds': 'rounds of whole-agent blocks, a minute and a half each (3)',
  'warm-seconds': 'how long each started agent runs before it is measured (6)',
  'size-bytes': 'response body of the backends (64)',
  rate: 'requests/s for the whole agent; 0: find it (0)',
};

/** What `full` copies of each body; enough for what storing would want of a small one. */
const FULL_BODY_BYTES = 64 * 1024;

/** Keys with their quartiles. */
type Figures = Record<string, number | null>;

export async function run(args: readonly string[]): Promise<Record<string, unknown>> {
  const before = machine();
  const flags = new Flags('overhead', FLAGS, args);
  const proxy = flags.choice('proxy', ['nginx', 'haproxy']);
  const level = flags.choice('level', ['summary', 'full']);
  const watchAll = flags.choice('watch', ['proxy', 'host']) === 'host';
  const part = flags.choice('part', ['all', 'probes', 'agent']);
  const connections = flags.number('connections', 32);
  const rounds = flags.number('rounds', 12);
  const whole = {
    rounds: flags.number('agent-rounds', 3),
    warmSeconds: flags.number('warm-seconds', 6),
    rate: flags.number('rate', 0, 0),
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
    sizeBytes: flags.number('size-bytes', 64, 0),
    limitRate: 1,
    secondsMax: 3600,
    hasTruth: false,
  };
  const bodyBytesMax = level === 'full' ? FULL_BODY_BYTES : 0;
  const figures = await withScene(plan, async (scene) => {
    const probe = { rounds, watchAll, bodyBytesMax };
    const isProbed = part !== 'agent';
    const saturated = isProbed && (await measureProbes(scene, { ...probe, connections }));
    const single = isProbed && (await measureProbes(scene, { ...probe, connections: 1 }));
    const agent = part !== 'probes' && (await measureWhole(scene, whole));
    progress('done');
    return {
      ...(saturated && single ? probeFigures(saturated, single) : {}),
      agent: agent ? agentFigures(agent) : undefined,
    };
  });
  return {
    bench: 'overhead',
    ...merge(figures),
    options: flags.used,
    versions: versions(proxy),
    machine: before,
  };
}

/** Figures of one kind of slice, with quartiles beside them. */
class Sheet {
  readonly figures: Figures = {};
  readonly iqr: Record<string, readonly [number, number]> = {};

  add(key: string, paired: Paired, sign = 1): void {
    this.figures[key] = round(sign * paired.median);
    const ends = [round(sign * paired.q1), round(sign * paired.q3)] as const;
    this.iqr[key] = sign > 0 ? ends : [ends[1], ends[0]];
  }
}

function probeFigures(saturated: ProbeResult, single: ProbeResult) {
  const main = new Sheet();
  const control = new Sheet();
  const filteredOut = new Sheet();
  const at = (variant: string, metric: Metric) => difference(saturated.slices, variant, metric);
  const alone = (variant: string, metric: Metric) => difference(single.slices, variant, metric);
  main.add('rpsLossPct', at('syscall', 'rps'), -1);
  main.add('linkRpsLossPct', at('link', 'rps'), -1);
  main.add('proxyCpuAddedPct', at('link', 'proxyCpuUs'));
  main.add('syscallCpuAddedPct', at('syscall', 'proxyCpuUs'));
  main.add('probesP50AddedPct', alone('link', 'p50Us'));
  main.add('probesP99AddedPct', alone('link', 'p99Us'));
  control.add('rpsLossPct', at('control', 'rps'), -1);
  control.add('linkRpsLossPct', at('control.link', 'rps'), -1);
  control.add('proxyCpuAddedPct', at('control.link', 'proxyCpuUs'));
  control.add('syscallCpuAddedPct', at('control', 'proxyCpuUs'));
  control.add('probesP50AddedPct', alone('control', 'p50Us'));
  control.add('probesP99AddedPct', alone('control', 'p99Us'));
  filteredOut.add('rpsLossPct', at('filtered', 'rps'), -1);
  filteredOut.add('linkRpsLossPct', at('filtered', 'rps'), -1);
  filteredOut.add('proxyCpuAddedPct', at('filtered', 'proxyCpuUs'));
  filteredOut.add('probesP50AddedPct', alone('filtered', 'p50Us'));
  filteredOut.add('probesP99AddedPct', alone('filtered', 'p99Us'));
  const bare = saturated.slices.filter((slice) => slice.variant === 'off');
  const info = {
    singleStepped: saturated.singleStepped,
    probes: {
      slices: saturated.slices.length,
      bareRps: Math.round(median(bare.map((slice) => slice.rps))),
      bareProxyCpuUs: round(median(bare.map((slice) => slice.proxyCpuUs))),
      bareP50UsAtOne: round(median(single.slices.map((slice) => slice.p50Us))),
      causeShare: saturated.causeShare,
      lostEvents: saturated.lostEvents,
      repeatedSlices: saturated.repeatedSlices + single.repeatedSlices,
      toggleMs: saturated.toggleMs,
      proxyCoreBusy: saturated.proxyCoreBusy,
      otherCoreBusy: saturated.otherCoreBusy,
    },
  };
  return { probe: { main, control, filteredOut, info } };
}

function agentFigures(whole: WholeResult) {
  const main = new Sheet();
  const control = new Sheet();
  const filteredOut = new Sheet();
  for (const [sheet, variant] of [
    [main, 'exported'],
    [control, 'control'],
    [filteredOut, 'filtered'],
  ] as const) {
    sheet.add('agentCpuRatio', ratios(whole.rateSlices, variant));
    sheet.add('agentCpuUsPerRequest', spread(cpuOf(whole.rateSlices, variant)));
    sheet.add('p50AddedPct', difference(whole.latencySlices, variant, 'p50Us'));
    sheet.add('p99AddedPct', difference(whole.latencySlices, variant, 'p99Us'));
  }
  main.add('agentCpuRatioEncoded', ratios(whole.rateSlices, 'encoded'));
  const bare = whole.rateSlices.filter((slice) => slice.variant === 'off');
  main.add('proxyCpuUsPerRequest', spread(bare.map((slice) => slice.proxyCpuUs)));
  const exported = whole.rateSlices.filter((slice) => slice.variant === 'exported');
  main.figures.rate = Math.round(median(exported.map((slice) => slice.rps)));
  main.figures.agentRssMb = whole.agentRssMb;
  const { saturationRps, rate, otherCoreBusy, agent } = whole;
  return {
    main,
    control,
    filteredOut,
    info: { whole: { saturationRps, rateAsked: rate, otherCoreBusy, agent } },
  };
}

function cpuOf(slices: readonly RateSlice[], variant: string): number[] {
  return slices.filter((slice) => slice.variant === variant).map((slice) => slice.agentCpuUs);
}

/** Agent CPU of each slice over the mean of the nearest bare blocks' proxy CPU. */
export function ratios(slices: readonly RateSlice[], variant: string): Paired {
  const values: number[] = [];
  slices.forEach((slice, index) => {
    if (slice.variant !== variant) return;
    const before = slices.slice(0, index).findLast((other) => other.variant === 'off');
    const after = slices.slice(index + 1).find((other) => other.variant === 'off');
    if (!before || !after) return;
    values.push(slice.agentCpuUs / ((before.proxyCpuUs + after.proxyCpuUs) / 2));
  });
  return spread(values);
}

function spread(values: readonly number[]): Paired {
  return {
    median: median(values),
    q1: quantile(values, 0.25),
    q3: quantile(values, 0.75),
    n: values.length,
  };
}

interface Half {
  readonly main: Sheet;
  readonly control: Sheet;
  readonly filteredOut: Sheet;
  readonly info: Record<string, unknown>;
}

function merge(halves: { probe?: Half; agent?: Half | undefined }): Record<string, unknown> {
  const present = [halves.probe, halves.agent].filter((half) => half !== undefined);
  const join = (pick: (half: Half) => Slice | Figures | Sheet['iqr']) =>
    Object.assign({}, ...present.map(pick)) as Record<string, unknown>;
  return {
    ...join((half) => half.main.figures),
    control: join((half) => half.control.figures),
    filteredOut: join((half) => half.filteredOut.figures),
    iqr: join((half) => half.main.iqr),
    controlIqr: join((half) => half.control.iqr),
    filteredOutIqr: join((half) => half.filteredOut.iqr),
    ...(Object.assign({}, ...present.map((half) => half.info)) as Record<string, unknown>),
  };
}
