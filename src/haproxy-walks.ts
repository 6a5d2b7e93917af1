/**
 * HAProxy's probes give way to its structures, in the capture worker: a way through them that was
 * found is compared in the kernel with what the probes say, and when it has proven itself the probes
 * are detached. One that differs once is not used.
 */
import type { HaproxyWalk } from './handoff/haproxy-layout.ts';
import type { PlanMessage } from './handoff/messages.ts';
import { HAPROXY_PROOFS, type Kernel } from './native/types.ts';
import { messageOf } from './telemetry/agent-error.ts';
import type { Counters } from './telemetry/counters.ts';

export interface HaproxyWalksOptions {
  readonly kernel: Pick<Kernel, 'setWalk' | 'offerWalk' | 'readWalk' | 'walkAlone'>;
  readonly counters: Counters;
  readonly detach: (plan: PlanMessage) => void;
  readonly unavailable: (what: string, why: string) => void;
  readonly log: (level: 'info' | 'warn', message: string) => void;
}

interface Walk {
  readonly plan: PlanMessage;
  state: 'compared' | 'alone' | 'refuted';
}

export class HaproxyWalks {
  readonly #options: HaproxyWalksOptions;
  /** Key: number. */
  readonly #walks = new Map<number, Walk>();

  constructor(options: HaproxyWalksOptions) {
    this.#options = options;
  }

  /** The structures of this process are known to be enough: it needs no probe. */
  isAlone({ walk }: PlanMessage): boolean {
    return walk !== undefined && this.#walks.get(walk.number)?.state === 'alone';
  }

  /**
   * `hasProbes`: there is something to compare with. Where there is not, the circles must do. True:
   * the process is linked by its structures from now on.
   */
  offer(plan: PlanMessage, hasProbes: boolean): boolean {
    if (plan.walk === undefined) return false;
    try {
      return this.#offer(plan, plan.walk, hasProbes);
    } catch (error) {
      // The probes go on.
      this.#options.unavailable("linking by HAProxy's structures", messageOf(error));
      return false;
    }
  }

  #offer(plan: PlanMessage, way: HaproxyWalk, hasProbes: boolean): boolean {
    const { kernel } = this.#options;
    let walk = this.#walks.get(way.number);
    if (walk === undefined) {
      kernel.setWalk(way.number, way.layout, !hasProbes);
      walk = { plan, state: 'compared' };
      this.#walks.set(way.number, walk);
      if (!hasProbes) this.#prove(way.number, walk);
    }
    kernel.offerWalk(plan.tgid, way.number, way.code);
    return walk.state === 'alone';
  }

  /** To be called every second. */
  tick(): void {
    if (this.#walks.size === 0) return;
    const { kernel, counters } = this.#options;
    let taken = 0;
    for (const [number, walk] of this.#walks) {
      const found = kernel.readWalk(number);
      taken += found.taken;
      if (walk.state !== 'compared') continue;
      if (found.disagreed !== 0) this.#refute(walk, found.agreed);
      else if (found.agreed >= HAPROXY_PROOFS) this.#prove(number, walk);
    }
    counters.set('link.haproxy_walked', taken);
  }

  #prove(number: number, walk: Walk): void {
    const { kernel, detach, log } = this.#options;
    walk.state = 'alone';
    detach(walk.plan);
    kernel.walkAlone(number);
    log('info', `${nameOf(walk)}: linked by its structures from now on, without probes`);
  }

  #refute(walk: Walk, agreed: number): void {
    const { counters, log } = this.#options;
    walk.state = 'refuted';
    counters.add('link.haproxy_walk_refuted');
    const why = `after ${agreed} requests its structures named another client than its probes`;
    log('warn', `${nameOf(walk)}: ${why}: the probes stay`);
  }
}

function nameOf({ plan }: Walk): string {
  return `HAProxy (pid ${plan.tgid})`;
}
