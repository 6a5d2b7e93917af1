/**
 * Which hops are exported: the caller's decision (parent based), else the share that rules or the
 * default give. A decision that the trace id alone does not give is remembered, so that neither a
 * hop nor the tree behind it is torn.
 */
import { FLAG, U32 } from '../../handoff/layout.ts';
import type { Counters } from '../../telemetry/counters.ts';
import { isWithin, type Randomness, type Threshold, thresholdOf } from './threshold.ts';

export type SamplerName =
  | 'always_on'
  | 'always_off'
  | 'traceidratio'
  | 'parentbased_always_on'
  | 'parentbased_always_off'
  | 'parentbased_traceidratio';

export interface SamplerOptions {
  readonly name: SamplerName;
  /** Share of traces kept, 0 to 1; for the ratio samplers. */
  readonly ratio: number;
  /** Rules may thin out what the default keeps. */
  readonly isThinnedByRules: boolean;
  readonly tracesMax: number;
}

const TWO_32 = 2 ** 32;
const SAMPLED = 1;
const ALL = thresholdOf(1);

export class Sampler {
  readonly isParentBased: boolean;
  /** Traces that begin here may be left out. */
  readonly #isThinned: boolean;
  readonly #default: Threshold;
  /** Key: ratio of a rule; the rules are few. */
  readonly #byRatio = new Map<number, Threshold>();
  readonly #counters: Counters;
  readonly #tracesMax: number;
  /** Decisions that the trace id alone does not give; oldest first. */
  readonly #decisions = new Map<number, boolean>();
  /** What the last decision compared the trace id with; of one that did not, that keeps all. */
  threshold = ALL;

  constructor(options: SamplerOptions, counters: Counters) {
    const { name, ratio, isThinnedByRules, tracesMax } = options;
    this.isParentBased = name.startsWith('parentbased_');
    this.#default = thresholdOf(rootRatio(name, ratio));
    this.#isThinned = isThinnedByRules || this.#default.text !== '0';
    this.#counters = counters;
    this.#tracesMax = tracesMax;
  }

  /**
   * Whether the hop whose first row begins at `row` is exported. `asked`: the share that rules ask
   * for, 0 to 1; null: they say nothing. `random`: of its trace.
   */
  isSampled(u32: Uint32Array, row: number, asked: number | null, random: Randomness): boolean {
    this.threshold = ALL;
    if (!this.isParentBased) return this.#isRootSampled(asked, random);
    const flags = u32[row + U32.flags];
    const isUnsampled =
      (flags & FLAG.notSampled) !== 0 || (u32[row + U32.traceFlags] & SAMPLED) === 0;
    if (isUnsampled) return this.#remember(u32, row, false);
    if ((flags & FLAG.parentIsRemote) !== 0) return this.#remember(u32, row, true);
    const known = this.#decisions.size > 0 ? this.#decisions.get(traceKey(u32, row)) : undefined;
    return known ?? this.#isRootSampled(asked, random);
  }

  #isRootSampled(asked: number | null, random: Randomness): boolean {
    this.threshold = asked === null ? this.#default : this.#thresholdOf(asked);
    return isWithin(this.threshold, random);
  }

  #thresholdOf(ratio: number): Threshold {
    let threshold = this.#byRatio.get(ratio);
    if (threshold === undefined) {
      threshold = thresholdOf(ratio);
      this.#byRatio.set(ratio, threshold);
    }
    return threshold;
  }

  /** Positive decisions matter only where the trace without its caller would be left out. */
  #remember(u32: Uint32Array, row: number, isSampled: boolean): boolean {
    const id = traceKey(u32, row);
    if (isSampled && !this.#isThinned) return this.#decisions.get(id) ?? true;
    if (this.#decisions.has(id)) return isSampled;
    this.#decisions.set(id, isSampled);
    if (this.#decisions.size > this.#tracesMax) {
      for (const oldest of this.#decisions.keys()) {
        this.#decisions.delete(oldest);
        break;
      }
      this.#counters.add('rules.decisions_evicted');
    }
    return isSampled;
  }
}

/** Of traces that begin here. */
function rootRatio(name: SamplerName, ratio: number): number {
  if (name.endsWith('always_on')) return 1;
  return name.endsWith('always_off') ? 0 : ratio;
}

/** 53 bits of the trace id. */
function traceKey(u32: Uint32Array, row: number): number {
  return (u32[row + U32.traceId + 2] >>> 11) * TWO_32 + u32[row + U32.traceId + 3];
}
