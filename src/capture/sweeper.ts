/**
 * When the kernel side looks for sockets that ended without a close it could see: at a steady pace,
 * for the look walks all descriptors of the machine.
 */
import { limits } from '../config/limits.ts';
import type { Kernel } from '../native/types.ts';
import type { Counters } from '../telemetry/counters.ts';

export interface SweeperOptions {
  readonly kernel: Pick<Kernel, 'sweep'>;
  readonly counters: Counters;
  /** Told once why it cannot be done here (a kernel without iterators). */
  readonly unavailable: (why: string) => void;
  readonly intervalMs?: number;
}

export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #intervalNs: number;
  #dueNs: number;
  #hasFailed = false;

  /** `nowNs`: the first sweep comes an interval later. */
  constructor(options: SweeperOptions, nowNs: number) {
    this.#options = options;
    this.#intervalNs = (options.intervalMs ?? limits.sweepIntervalMs) * 1e6;
    this.#dueNs = nowNs + this.#intervalNs;
  }

  /** Sweeps when it is time. What ended comes through the ring as close events. */
  tick(nowNs: number): void {
    if (nowNs < this.#dueNs || this.#hasFailed) return;
    this.#dueNs = nowNs + this.#intervalNs;
    const { kernel, counters, unavailable } = this.#options;
    try {
      counters.add('capture.swept_connections', kernel.sweep());
    } catch (error) {
      // It will not do better next time, and trying costs the verifier's time.
      this.#hasFailed = true;
      unavailable(error instanceof Error ? error.message : String(error));
    }
  }
}
