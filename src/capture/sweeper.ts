/**
 * When the kernel side looks for sockets that ended without a close it could see: at a steady pace,
 * for the look walks all descriptors of the machine.
 */
import { limits } from '../config/limits.ts';
import type { Kernel } from '../native/types.ts';
import type { Counters } from '../telemetry/counters.ts';
import { Attempts } from './attempts.ts';

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
  readonly #attempts: Attempts;
  #dueNs: number;

  /** `nowNs`: the first sweep comes an interval later. */
  constructor(options: SweeperOptions, nowNs: number) {
    this.#options = options;
    this.#attempts = new Attempts(options.unavailable);
    this.#intervalNs = (options.intervalMs ?? limits.sweepIntervalMs) * 1e6;
    this.#dueNs = nowNs + this.#intervalNs;
  }

  /** Sweeps when it is time. What ended comes through the ring as close events. */
  tick(nowNs: number): void {
    if (nowNs < this.#dueNs) return;
    this.#dueNs = nowNs + this.#intervalNs;
    const { kernel, counters } = this.#options;
    const swept = this.#attempts.try(() => kernel.sweep());
    if (swept !== undefined) counters.add('capture.swept_connections', swept);
  }
}
