/**
 * The whole agent with a real collector: blocks with it and without it, interleaved inside one
 * load run at a fixed rate, and a second run of one connection for latency. The agent is started
 * anew for every block (a stopped process is not an absent one) and warmed before it is measured.
 */

import { Agent, exportTo } from './agent.ts';
import { Child, sleep } from './children.ts';
import { type Collector, startCollector } from './collector.ts';
import { nonZero } from './facts.ts';
import { failure } from './failure.ts';
import { Load } from './loadgen.ts';
import { busyShare, coreTime } from './machine.ts';
import { type Slice, sliceOf } from './probes.ts';
import { OTHER_CPU, progress, type Scene } from './scene.ts';
import { median, round } from './statistics.ts';

export interface WholePlan {
  readonly rounds: number;
  readonly warmSeconds: number;
  readonly level: 'summary' | 'full';
  readonly watchAll: boolean;
  /** 0: find the highest rate that leaves the second core room. */
  readonly rate: number;
}

const VARIANTS = ['exported', 'encoded', 'control', 'filtered'] as const;
type Variant = (typeof VARIANTS)[number];

/** One slice at the fixed rate; agentCpuUs is 0 where there is no agent. */
export interface RateSlice {
  readonly variant: string;
  readonly rps: number;
  readonly proxyCpuUs: number;
  readonly agentCpuUs: number;
}

export interface WholeResult {
  readonly saturationRps: number;
  /** That was asked for; the slices say what was generated. */
  readonly rate: number;
  /** Of the second core at that rate with the exporting agent. */
  readonly otherCoreBusy: number;
  readonly rateSlices: readonly RateSlice[];
  /** At one connection. Of a block without agent there is one slice: the median of its own. */
  readonly latencySlices: readonly Slice[];
  /** The most of any slice, by variant. */
  readonly agentRssMb: Readonly<Record<string, number>>;
  /** The most of any moment since its start, by variant. */
  readonly agentRssPeakMb: Readonly<Record<string, number>>;
  /** Counters of the last exporting agent that are not 0. */
  readonly agent: Readonly<Record<string, number>>;
}

/**
 * Connections that the rate is spread over: load, backends and agent take turns on one core, for
 * milliseconds each, so that a request takes long enough to need many in flight.
 */
export const RATE_CONNECTIONS = 256;

const BUSY_MAX = 0.8;
/** A rate of which less was really generated is too high, whatever the core says. */
const OFFERED_SHARE_MIN = 0.97;
const SATURATION_SHARE_MAX = 0.6;
const RATE_SLICES = 4;
const RATE_SLICE_MS = 1_000;
/** At each end of a block, next to the blocks that they are compared with. */
const LATENCY_SLICES = 6;
const LATENCY_SLICE_MS = 200;
const SETTLE_MS = 500;
const SEARCH_STEPS_MAX = 6;

export async function measureWhole(scene: Scene, plan: WholePlan): Promise<WholeResult> {
  const collector = await startCollector(OTHER_CPU);
  // Something to watch that never speaks HTTP: the proxy is then excluded by the filter.
  const idle = new Child({ name: 'idle', command: 'sleep', args: ['86400'], cpus: OTHER_CPU });
  const blocks = new Blocks(scene, plan, collector, idle.pid);
  try {
    return await blocks.run();
  } finally {
    await idle.stop();
    await collector.child.stop();
  }
}

class Blocks {
  readonly #scene: Scene;
  readonly #plan: WholePlan;
  readonly #collector: Collector;
  readonly #idlePid: number;
  readonly #rateSlices: RateSlice[] = [];
  readonly #latencySlices: Slice[] = [];
  readonly #rssMb: Record<string, number> = {};
  readonly #rssPeakMb: Record<string, number> = {};
  #summary: Record<string, number> = {};

  constructor(scene: Scene, plan: WholePlan, collector: Collector, idlePid: number) {
    this.#scene = scene;
    this.#plan = plan;
    this.#collector = collector;
    this.#idlePid = idlePid;
  }

  async run(): Promise<WholeResult> {
    const many = await this.#startLoad(RATE_CONNECTIONS);
    const one = await this.#startLoad(1);
    one.pause();
    const saturationRps = await this.#saturation(many);
    const { rate, busy } = await this.#findRate(many, saturationRps);
    await this.#block('off', many, one);
    for (let index = 0; index < this.#plan.rounds; index++) {
      for (const variant of VARIANTS) {
        await this.#block(variant, many, one);
        await this.#block('off', many, one);
      }
      progress(`whole agent, round ${index + 1} of ${this.#plan.rounds} done`);
    }
    for (const end of [await many.stop(), await one.stop()]) {
      if (end.failed > 0) throw failure(`${end.failed} requests failed`);
    }
    return {
      saturationRps: Math.round(saturationRps),
      rate,
      otherCoreBusy: round(busy),
      rateSlices: this.#rateSlices,
      latencySlices: this.#latencySlices,
      agentRssMb: this.#rssMb,
      agentRssPeakMb: this.#rssPeakMb,
      agent: this.#summary,
    };
  }

  async #startLoad(connections: number): Promise<Load> {
    const load = await Load.start({
      binary: this.#scene.tools.loadgen,
      cpus: OTHER_CPU,
      port: this.#scene.proxyPort,
      connections,
      secondsMax: 120 + this.#plan.rounds * VARIANTS.length * (40 + this.#plan.warmSeconds),
    });
    load.watchProxy(this.#scene.proxy.workers);
    return load;
  }

  async #saturation(many: Load): Promise<number> {
    await sleep(1_000);
    const slices: number[] = [];
    await many.mark('settle');
    for (let i = 0; i < 5; i++) {
      await sleep(400);
      slices.push(sliceOf('saturation', await many.mark('saturation')).rps);
    }
    progress(`saturation: ${Math.round(median(slices))} requests/s`);
    return median(slices);
  }

  /** Lowers the rate until the second core has room while the agent exports. */
  async #findRate(many: Load, saturationRps: number): Promise<{ rate: number; busy: number }> {
    let rate = this.#plan.rate || Math.floor(saturationRps * SATURATION_SHARE_MAX);
    many.setRate(rate);
    const agent = await this.#startAgent('exported');
    await sleep(this.#plan.warmSeconds * 1000);
    let busy = 1;
    for (let step = 0; step < SEARCH_STEPS_MAX; step++) {
      const before = coreTime(OTHER_CPU);
      await many.mark('settle');
      await sleep(2_000);
      busy = busyShare(before, coreTime(OTHER_CPU));
      const offered = sliceOf('search', await many.mark('search')).rps;
      const percent = Math.round(busy * 100);
      progress(`rate ${rate}: ${Math.round(offered)} offered, second core ${percent} % busy`);
      const isKept = offered >= rate * OFFERED_SHARE_MIN;
      if ((busy < BUSY_MAX && isKept) || this.#plan.rate > 0) break;
      rate = Math.floor(Math.min(rate * 0.95, (offered * (BUSY_MAX - 0.03)) / busy));
      many.setRate(rate);
      await sleep(1_000);
    }
    await agent.stop();
    return { rate, busy };
  }

  async #block(variant: Variant | 'off', many: Load, one: Load): Promise<void> {
    const isBare = variant === 'off' || variant === 'control';
    many.resume();
    const agent = isBare ? undefined : await this.#startAgent(variant);
    if (agent) many.watch('agent', agent.child.pid);
    await sleep(agent ? this.#plan.warmSeconds * 1000 : SETTLE_MS);
    await this.#latency(variant, many, one);
    await this.#rate(variant, many, agent);
    await this.#latency(variant, many, one);
    if (agent === undefined) return;
    const summary = await agent.stop();
    if (variant === 'exported') this.#summary = nonZero(summary);
  }

  async #rate(variant: string, many: Load, agent: Agent | undefined): Promise<void> {
    many.resume();
    await sleep(SETTLE_MS);
    await many.mark('settle');
    for (let i = 0; i < RATE_SLICES; i++) {
      await sleep(RATE_SLICE_MS);
      const interval = await many.mark(variant);
      const { rps, proxyCpuUs } = sliceOf(variant, interval);
      const agentCpuUs = (interval.cpuNs.agent ?? 0) / interval.count / 1000;
      this.#rateSlices.push({ variant, rps, proxyCpuUs, agentCpuUs });
      if (agent) this.#noteMemory(variant, agent.memoryMb());
    }
  }

  #noteMemory(variant: string, { rss, peak }: { rss: number; peak: number }): void {
    this.#rssMb[variant] = round(Math.max(this.#rssMb[variant] ?? 0, rss));
    this.#rssPeakMb[variant] = round(Math.max(this.#rssPeakMb[variant] ?? 0, peak));
  }

  async #latency(variant: string, many: Load, one: Load): Promise<void> {
    many.pause();
    await sleep(SETTLE_MS);
    one.resume();
    await sleep(SETTLE_MS);
    await one.mark('settle');
    const slices: Slice[] = [];
    for (let i = 0; i < LATENCY_SLICES; i++) {
      await sleep(LATENCY_SLICE_MS);
      slices.push(sliceOf(variant, await one.mark(variant)));
    }
    one.pause();
    this.#latencySlices.push(...(variant === 'off' ? [medianSlice(slices)] : slices));
  }

  #startAgent(variant: Exclude<Variant, 'control'>): Promise<Agent> {
    const filter =
      variant === 'filtered'
        ? ['--process', String(this.#idlePid)]
        : this.#plan.watchAll
          ? []
          : ['--port', String(this.#scene.proxyPort)];
    return Agent.start({
      flags: [...filter, '--level', this.#plan.level],
      env: {
        ...exportTo(this.#collector.endpoint),
        ...(variant === 'encoded' ? { SPANTAP_BENCH_ENCODE_ONLY: '1' } : {}),
      },
      folder: this.#scene.folder,
      cpus: OTHER_CPU,
    });
  }
}

function medianSlice(slices: readonly Slice[]): Slice {
  const of = (metric: Exclude<keyof Slice, 'variant'>) =>
    median(slices.map((each) => each[metric]));
  return {
    variant: 'off',
    rps: of('rps'),
    proxyCpuUs: of('proxyCpuUs'),
    p50Us: of('p50Us'),
    p99Us: of('p99Us'),
  };
}
