/**
 * An opened kernel side for tests, and what it delivered. Only processes that a test names are
 * watched: the machine has other traffic.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Decoder } from '../../src/capture/decode.ts';
import { eventCounter } from '../../src/capture/layout.gen.ts';
import type { OpenEvent } from '../../src/capture/types.ts';
import { codeStart } from '../../src/discover/haproxy/process-view.ts';
import { Inspector } from '../../src/discover/plan.ts';
import { PROC_ROOT } from '../../src/discover/proc/files.ts';
import type { HaproxyLayout } from '../../src/handoff/haproxy-layout.ts';
import { allTraffic } from '../../src/handoff/traffic.ts';
import { openKernel } from '../../src/native/binding.ts';
import type { Kernel, KernelOptions, ProcessPolicy } from '../../src/native/types.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { EventLog, type LoggedData } from '../capture/event-log.ts';

/** Why these tests cannot run; false when they can. They fail where BPF is missing. */
export const skip =
  process.env.SPANTAP_TEST_NO_BPF === '1' ? 'SPANTAP_TEST_NO_BPF=1: no kernel side' : false;

export type Data = LoggedData;

const OPTIONS: KernelOptions = {
  watchAll: false,
  ringBytes: 0,
  ringBytesMin: 1 << 20,
  connectionsMax: 4096,
  headBytesMax: 16_384,
  traffic: allTraffic(0),
};

/** Number of the only walk that a test has. */
export const WALK = 1;

const WAIT_MS = 10_000;

export class Tap extends EventLog {
  readonly kernel: Kernel;
  readonly #batch = new Uint8Array(1 << 20);
  readonly #decoder = new Decoder(this, new Counters());

  constructor(options: Partial<KernelOptions> = {}) {
    super();
    this.kernel = openKernel({ ...OPTIONS, ...options });
  }

  watch(tgid: number, family: ProcessPolicy['family'] = 'other'): void {
    this.kernel.setPolicy(tgid, { watch: 'watch', family });
  }

  /** As discovery does it: family, probes, sockets that are open already. */
  inspect(tgid: number): void {
    const plan = new Inspector().inspect(tgid);
    if (plan === undefined) throw new Error(`process ${tgid} is gone`);
    this.watch(tgid, plan.family === 'apache' ? 'other' : plan.family);
    if (plan.maySplice === true) this.kernel.followSplices();
    for (const { program, path, offset, isReturn } of plan.uprobes) {
      this.kernel.attachUprobe(program, path, offset, isReturn);
    }
  }

  /** HAProxy without probes: its structures are known, and believed when `isProven`. */
  walk(tgid: number, layout: HaproxyLayout, isProven = true): void {
    this.watch(tgid, 'haproxy');
    this.kernel.followSplices();
    this.kernel.setWalk(WALK, layout, isProven);
    this.kernel.offerWalk(tgid, WALK, codeStart(tgid, PROC_ROOT));
  }

  override open(event: OpenEvent): void {
    if (event.family === 'unix') this.kernel.followCloses();
    super.open(event);
  }

  drain(): void {
    for (;;) {
      const bytes = this.kernel.drain(this.#batch, true);
      if (bytes === 0) return;
      this.#decoder.decode(this.#batch.subarray(0, bytes));
    }
  }

  /** Ends capture, and takes what was left and what is open. */
  stop(): void {
    const open = this.kernel.stop();
    this.drain();
    this.#decoder.decode(open);
  }

  /** Drains until the condition holds; fails after ten seconds. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const end = Date.now() + WAIT_MS;
    for (this.drain(); !condition(); this.drain()) {
      if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
      await sleep(2);
    }
  }

  counter(name: keyof typeof eventCounter): number {
    return this.kernel.counters()[eventCounter[name]];
  }

  /** Events of one connection, or of one direction of it. */
  of(connectionId: number, isWrite?: boolean): Data[] {
    return this.datas.filter(
      (data) =>
        data.connectionId === connectionId && (isWrite === undefined || data.isWrite === isWrite),
    );
  }

  [Symbol.dispose](): void {
    this.kernel.close();
  }
}
