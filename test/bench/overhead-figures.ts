/**
 * The figures of `overhead` from its slices. The result, `control` (A/A) and `filteredOut` hold the
 * same keys; null: the figure cannot exist there, because there is no agent that it could be of.
 */
import { difference, type Metric, type ProbeResult, type Slice } from './probes.ts';
import { median, type Paired, quantile, round } from './statistics.ts';
import type { RateSlice, WholeResult } from './whole.ts';

type Figures = Record<string, number | null>;

/** Figures of one kind of slice, with quartiles beside them. */
class Sheet {
  readonly figures: Figures = {};
  readonly iqr: Record<string, readonly [number, number]> = {};

  add(key: string, paired: Paired, sign = 1): void {
    this.figures[key] = round(sign * paired.median);
    const ends = [round(sign * paired.q1), round(sign * paired.q3)] as const;
    this.iqr[key] = sign > 0 ? ends : [ends[1], ends[0]];
  }

  addNone(...keys: readonly string[]): void {
    for (const key of keys) this.figures[key] = null;
  }
}

export interface Half {
  readonly main: Sheet;
  readonly control: Sheet;
  readonly filteredOut: Sheet;
  readonly info: Record<string, unknown>;
}

/** Slices with which variant make the figures of capture alone, and of everything. */
interface Source {
  readonly syscall: string;
  readonly link: string;
  readonly single: string;
}

export function probeFigures(saturated: ProbeResult, single: ProbeResult): Half {
  const sheetOf = (source: Source) => probeSheet(saturated.slices, single.slices, source);
  const bare = saturated.slices.filter((slice) => slice.variant === 'off');
  const bareSingle = single.slices.filter((slice) => slice.variant === 'off');
  const info = {
    singleStepped: saturated.singleStepped,
    probes: {
      slices: saturated.slices.length + single.slices.length,
      bareRps: Math.round(median(bare.map((slice) => slice.rps))),
      bareProxyCpuUs: round(median(bare.map((slice) => slice.proxyCpuUs))),
      bareP50UsAtOne: round(median(bareSingle.map((slice) => slice.p50Us))),
      causeShare: saturated.causeShare,
      lostEvents: saturated.lostEvents,
      repeatedSlices: saturated.repeatedSlices + single.repeatedSlices,
      toggleMs: saturated.toggleMs,
      proxyCoreBusy: saturated.proxyCoreBusy,
      otherCoreBusy: saturated.otherCoreBusy,
    },
  };
  return {
    main: sheetOf({ syscall: 'syscall', link: 'link', single: 'link' }),
    control: sheetOf({ syscall: 'control', link: 'control.link', single: 'control' }),
    filteredOut: sheetOf({ syscall: 'filtered', link: 'filtered', single: 'filtered' }),
    info,
  };
}

function probeSheet(many: readonly Slice[], one: readonly Slice[], source: Source): Sheet {
  const sheet = new Sheet();
  const { syscall, link } = source;
  const at = (variant: string, metric: Metric) => difference(many, variant, metric);
  const alone = (metric: Metric) => difference(one, source.single, metric);
  sheet.add('rpsLossPct', at(syscall, 'rps'), -1);
  sheet.add('linkRpsLossPct', at(link, 'rps'), -1);
  sheet.add('proxyCpuAddedPct', at(link, 'proxyCpuUs'));
  sheet.add('syscallCpuAddedPct', at(syscall, 'proxyCpuUs'));
  sheet.add('probesP50AddedPct', alone('p50Us'));
  sheet.add('probesP99AddedPct', alone('p99Us'));
  return sheet;
}

/** null where there was no agent. */
function addMemory(sheet: Sheet, whole: WholeResult, variant: string): void {
  sheet.figures.agentRssMb = whole.agentRssMb[variant] ?? null;
  sheet.figures.agentRssPeakMb = whole.agentRssPeakMb[variant] ?? null;
}

export function agentFigures(whole: WholeResult): Half {
  const { rateSlices: slices } = whole;
  const main = commonSheet(whole, 'exported', 'off');
  main.add('agentCpuUsPerRequest', spread(agentCpuOf(slices, 'exported')));
  main.add('agentCpuRatio', ratios(slices, 'exported'));
  main.add('agentCpuRatioEncoded', ratios(slices, 'encoded'));
  addMemory(main, whole, 'exported');
  const control = commonSheet(whole, 'control', 'control');
  control.addNone('agentCpuUsPerRequest', 'agentCpuRatio', 'agentCpuRatioEncoded');
  addMemory(control, whole, 'control');
  const filteredOut = commonSheet(whole, 'filtered', 'off');
  filteredOut.add('agentCpuUsPerRequest', spread(agentCpuOf(slices, 'filtered')));
  filteredOut.add('agentCpuRatio', ratios(slices, 'filtered'));
  // Nothing is encoded of a process that is filtered out.
  filteredOut.addNone('agentCpuRatioEncoded');
  addMemory(filteredOut, whole, 'filtered');
  const { saturationRps, rate, otherCoreBusy, agent } = whole;
  const info = { whole: { saturationRps, rateAsked: rate, otherCoreBusy, agent } };
  return { main, control, filteredOut, info };
}

/** What needs no agent. `bare`: the slices in which the proxy's own cost shows. */
function commonSheet(whole: WholeResult, variant: string, bare: string): Sheet {
  const sheet = new Sheet();
  const of = (name: string) => whole.rateSlices.filter((slice) => slice.variant === name);
  sheet.add('p50AddedPct', difference(whole.latencySlices, variant, 'p50Us'));
  sheet.add('p99AddedPct', difference(whole.latencySlices, variant, 'p99Us'));
  sheet.add('proxyCpuUsPerRequest', spread(of(bare).map((slice) => slice.proxyCpuUs)));
  sheet.figures.rate = Math.round(median(of(variant).map((slice) => slice.rps)));
  return sheet;
}

function agentCpuOf(slices: readonly RateSlice[], variant: string): number[] {
  return slices.filter((slice) => slice.variant === variant).map((slice) => slice.agentCpuUs);
}

/** Agent CPU of each slice over the mean of the nearest bare blocks' proxy CPU. */
function ratios(slices: readonly RateSlice[], variant: string): Paired {
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

/** The halves that were measured, as one object. */
export function merge(halves: readonly Half[]): Record<string, unknown> {
  const join = (pick: (half: Half) => object) =>
    Object.assign({}, ...halves.map(pick)) as Record<string, unknown>;
  return {
    ...join((half) => half.main.figures),
    control: join((half) => half.control.figures),
    filteredOut: join((half) => half.filteredOut.figures),
    iqr: join((half) => half.main.iqr),
    controlIqr: join((half) => half.control.iqr),
    filteredOutIqr: join((half) => half.filteredOut.iqr),
    ...join((half) => half.info),
  };
}
