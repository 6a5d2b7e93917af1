/**
 * The probes at saturation: slices of 200 ms with and without them, interleaved inside one load
 * run, each compared with the mean of its neighbours without; an A/A control beside them.
 */
import { join } from 'node:path';
import { Child, sleep } from './children.ts';
import { failure } from './failure.ts';
import { type Interval, Load } from './loadgen.ts';
import { BusyTime } from './machine.ts';
import type { ProbeAnswer, ProbeCommand, ProbeVariant } from './probe-host.ts';
import { OTHER_CPU, PROXY_CPU, progress, type Scene } from './scene.ts';
import { median, type Paired, paired, round } from './statistics.ts';

export interface ProbePlan {
  /** 1: latency; enough to saturate the proxy: throughput. */
  readonly connections: number;
  /** Compared with bare slices. Slices named control are bare too: the A/A of the others. */
  readonly variants: readonly Variant[];
  readonly rounds: number;
  readonly watchAll: boolean;
  readonly bodyBytesMax: number;
}

export type Variant = 'syscall' | 'control' | 'link' | 'control.link' | 'filtered';

/** What one slice measured. */
export interface Slice {
  readonly variant: string;
  readonly rps: number;
  readonly proxyCpuUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export type Metric = Exclude<keyof Slice, 'variant'>;

export interface ProbeResult {
  readonly slices: readonly Slice[];
  /** Share of the egress requests for which program state was read, in the link slices. */
  readonly causeShare: number;
  readonly lostEvents: number;
  /** Slices without any answer, measured again: not 0 on a machine that others use. */
  readonly repeatedSlices: number;
  readonly toggleMs: number;
  readonly singleStepped: readonly string[];
  /**
   * Of the cores while slices were measured (between them programs are loaded on the second one,
   * which starves the load): with a proxy core below 0.97 the proxy was not saturated.
   */
  readonly proxyCoreBusy: number;
  readonly otherCoreBusy: number;
}

const SLICE_MS = 200;
/** What is freed at a detach is freed by the kernel some time later. */
const SETTLE_MS = 150;
const SETTLE_AFTER_TOGGLE_MS = 300;
const ATTEMPTS_MAX = 10;
const START_TIMEOUT_MS = 30_000;
const WARM_MS = 1_000;

class ProbeHost {
  readonly child: Child;
  readonly #base: Omit<ProbeCommand, 'variant'>;
  variant: ProbeVariant = 'off';
  readonly tookMs: number[] = [];

  private constructor(child: Child, base: Omit<ProbeCommand, 'variant'>) {
    this.child = child;
    this.#base = base;
  }

  static async start(base: Omit<ProbeCommand, 'variant'>): Promise<ProbeHost> {
    const child = new Child({
      name: 'probe host',
      command: process.execPath,
      args: [join(import.meta.dirname, 'probe-host.ts')],
      cpus: OTHER_CPU,
    });
    await child.line(/"event":"start"/, START_TIMEOUT_MS);
    return new ProbeHost(child, base);
  }

  /** The answer tells about the variant that ends here. */
  async set(variant: ProbeVariant): Promise<ProbeAnswer> {
    const line = this.child.line(/"event":"set"/, START_TIMEOUT_MS);
    this.child.write(`${JSON.stringify({ variant, ...this.#base })}\n`);
    const answer = JSON.parse(await line) as ProbeAnswer;
    this.variant = variant;
    this.tookMs.push(answer.tookMs);
    return answer;
  }
}

export async function measureProbes(scene: Scene, plan: ProbePlan): Promise<ProbeResult> {
  const host = await ProbeHost.start({
    pids: scene.proxy.workers,
    watchAll: plan.watchAll,
    bodyBytesMax: plan.bodyBytesMax,
  });
  const load = await Load.start({
    binary: scene.tools.loadgen,
    cpus: OTHER_CPU,
    port: scene.proxyPort,
    connections: plan.connections,
    secondsMax: 60 + plan.rounds * 30,
  });
  load.watchProxy(scene.proxy.workers);
  await sleep(WARM_MS);
  const { variants } = plan;
  const run = new Run(host, load);
  for (let index = 0; index < plan.rounds; index++) {
    // The order turns, so that no variant always follows the same one.
    for (let i = 0; i < variants.length; i++) {
      await run.slice('off', 'off');
      const variant = variants[(i + index) % variants.length] as Variant;
      await run.slice(variant, variant.startsWith('control') ? 'off' : (variant as ProbeVariant));
    }
    progress(`c=${plan.connections} round ${index + 1} of ${plan.rounds}: ${run.lately()}`);
  }
  await run.slice('off', 'off');
  const end = await load.stop();
  await host.child.stop();
  if (end.failed > 0) throw failure(`${end.failed} requests failed`);
  return run.result();
}

class Run {
  readonly #host: ProbeHost;
  readonly #load: Load;
  readonly #slices: Slice[] = [];
  #causeTaken = 0;
  #linkRequests = 0;
  #lostEvents = 0;
  #repeated = 0;
  readonly #proxyCore = new BusyTime(PROXY_CPU);
  readonly #otherCore = new BusyTime(OTHER_CPU);
  #singleStepped: readonly string[] = [];

  constructor(host: ProbeHost, load: Load) {
    this.#host = host;
    this.#load = load;
  }

  async slice(variant: string, probes: ProbeVariant): Promise<void> {
    if (probes !== this.#host.variant) await this.#toggle(probes);
    else await sleep(SETTLE_MS);
    const { settle, interval } = await this.#measure(variant);
    if (variant === 'link') this.#linkRequests += settle.count + interval.count;
    this.#slices.push(sliceOf(variant, interval));
  }

  /** A slice in which nothing was answered says nothing: others had the machine. */
  async #measure(variant: string): Promise<{ settle: Interval; interval: Interval }> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const settle = await this.#load.mark('settle');
      this.#proxyCore.begin();
      this.#otherCore.begin();
      await sleep(SLICE_MS);
      const interval = await this.#load.mark(variant);
      this.#proxyCore.end();
      this.#otherCore.end();
      if (interval.count > 0) return { settle, interval };
      this.#repeated++;
    }
    throw failure(`no answer in ${ATTEMPTS_MAX} slices: the load stands still`);
  }

  async #toggle(probes: ProbeVariant): Promise<void> {
    const ended = this.#host.variant;
    const answer = await this.#host.set(probes);
    this.#lostEvents += answer.lost;
    if (ended === 'link') this.#causeTaken += answer.causeTaken;
    if (probes === 'link') {
      this.#singleStepped = answer.singleStepped;
      // Requests while attaching are not in the count that causes are compared with.
      await this.#load.mark('attached');
    }
    await sleep(SETTLE_AFTER_TOGGLE_MS);
  }

  lately(): string {
    const last = (variant: string) =>
      Math.round(this.#slices.findLast((slice) => slice.variant === variant)?.rps ?? 0);
    return ['off', 'syscall', 'link'].map((each) => `${each} ${last(each)}/s`).join(', ');
  }

  result() {
    return {
      slices: this.#slices,
      causeShare: round(this.#causeTaken / this.#linkRequests),
      lostEvents: this.#lostEvents,
      repeatedSlices: this.#repeated,
      toggleMs: round(median(this.#host.tookMs)),
      singleStepped: this.#singleStepped,
      proxyCoreBusy: round(this.#proxyCore.share),
      otherCoreBusy: round(this.#otherCore.share),
    };
  }
}

export function sliceOf(variant: string, interval: Interval): Slice {
  const seconds = (interval.toNs - interval.fromNs) / 1e9;
  const proxyCpuNs = Object.entries(interval.cpuNs)
    .filter(([name]) => name.startsWith('proxy'))
    .reduce((sum, [, ns]) => sum + ns, 0);
  return {
    variant,
    rps: interval.count / seconds,
    proxyCpuUs: proxyCpuNs / interval.count / 1000,
    p50Us: interval.p50Ns / 1000,
    p99Us: interval.p99Ns / 1000,
  };
}

/** Paired difference of one metric, in per cent. */
export function difference(slices: readonly Slice[], variant: string, metric: Metric): Paired {
  const measured = slices.map((slice) => ({ variant: slice.variant, value: slice[metric] }));
  return paired(measured, variant, 'off');
}
