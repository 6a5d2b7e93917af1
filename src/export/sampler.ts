/**
 * Which traces are exported (OTEL_TRACES_SAMPLER). A decision is made once a trace and remembered,
 * so that neither a hop nor the tree behind it is torn. Ratios are consistent probability
 * sampling: kept iff R >= T on the last 56 bits of the trace id (W3C level 2 randomness), with T
 * noted as `ot=th` in tracestate so that backends can count back.
 */
import { FLAG, U32 } from '../handoff/layout.ts';
import type { Counters } from '../telemetry/counters.ts';

export type SamplerName =
  | 'always_on'
  | 'always_off'
  | 'traceidratio'
  | 'parentbased_always_on'
  | 'parentbased_always_off'
  | 'parentbased_traceidratio';

export const SAMPLER_NAMES: readonly SamplerName[] = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
];

export interface SamplerOptions {
  readonly name: SamplerName;
  /** Share of traces kept, 0 to 1; for the ratio samplers. */
  readonly ratio: number;
  readonly tracesMax: number;
}

const TWO_24 = 2 ** 24;
const TWO_32 = 2 ** 32;
const TWO_56 = 2 ** 56;
const SAMPLED = 1;

export class Sampler {
  readonly #name: SamplerName;
  /** Rejection threshold T, split as R is: 24 bits and 32 bits. 2^56 rejects all. */
  readonly #thresholdHigh: number;
  readonly #thresholdLow: number;
  readonly #threshold: string;
  readonly #counters: Counters;
  readonly #tracesMax: number;
  /** Decisions that the trace id alone does not give; oldest first. */
  readonly #decisions = new Map<number, boolean>();

  constructor(options: SamplerOptions, counters: Counters) {
    this.#name = options.name;
    this.#counters = counters;
    this.#tracesMax = options.tracesMax;
    const rejected = BigInt(Math.round((1 - options.ratio) * TWO_56));
    this.#thresholdHigh = Number(rejected >> 32n);
    this.#thresholdLow = Number(rejected & 0xffffffffn);
    this.#threshold = rejected.toString(16).padStart(14, '0').replace(/0+$/, '') || '0';
  }

  /** Whether the hop whose first row is at `row` is exported. */
  isSampled(u32: Uint32Array, row: number): boolean {
    switch (this.#name) {
      case 'always_on':
        return true;
      case 'always_off':
        return false;
      case 'traceidratio':
        return this.#isWithinRatio(u32, row);
      default:
        return this.#followParent(u32, row);
    }
  }

  /** Notes the threshold of a trace that this sampler thinned out. */
  noteThreshold(u32: Uint32Array, row: number, traceState: string): string {
    const isRatio = this.#name === 'traceidratio' || this.#name === 'parentbased_traceidratio';
    if (!isRatio || this.#threshold === '0') return traceState;
    const hasDecidedCaller = (u32[row + U32.flags] & FLAG.parentIsRemote) !== 0;
    if (this.#name === 'parentbased_traceidratio' && hasDecidedCaller) return traceState;
    return mergeThreshold(traceState, this.#threshold);
  }

  #followParent(u32: Uint32Array, row: number): boolean {
    const flags = u32[row + U32.flags];
    const isUnsampled =
      (flags & FLAG.notSampled) !== 0 || (u32[row + U32.traceFlags] & SAMPLED) === 0;
    if (isUnsampled) return this.#remember(u32, row, false);
    if ((flags & FLAG.parentIsRemote) !== 0) return this.#remember(u32, row, true);
    const known = this.#decisions.size > 0 ? this.#decisions.get(traceKey(u32, row)) : undefined;
    return known ?? this.#isRootSampled(u32, row);
  }

  #isRootSampled(u32: Uint32Array, row: number): boolean {
    if (this.#name === 'parentbased_always_on') return true;
    if (this.#name === 'parentbased_always_off') return false;
    return this.#isWithinRatio(u32, row);
  }

  /** R >= T, compared by halves. */
  #isWithinRatio(u32: Uint32Array, row: number): boolean {
    const high = u32[row + U32.traceId + 2] % TWO_24;
    if (high !== this.#thresholdHigh) return high > this.#thresholdHigh;
    return u32[row + U32.traceId + 3] >= this.#thresholdLow;
  }

  /** Positive decisions matter only where a root without a caller would be decided otherwise. */
  #remember(u32: Uint32Array, row: number, isSampled: boolean): boolean {
    const id = traceKey(u32, row);
    if (isSampled && this.#name === 'parentbased_always_on') {
      return this.#decisions.get(id) ?? true;
    }
    if (this.#decisions.has(id)) return isSampled;
    this.#decisions.set(id, isSampled);
    if (this.#decisions.size > this.#tracesMax) {
      for (const oldest of this.#decisions.keys()) {
        this.#decisions.delete(oldest);
        break;
      }
      this.#counters.add('export.decisions_evicted');
    }
    return isSampled;
  }
}

/** 53 bits of the trace id. */
function traceKey(u32: Uint32Array, row: number): number {
  return (u32[row + U32.traceId + 2] >>> 11) * TWO_32 + u32[row + U32.traceId + 3];
}

/** `ot=th:...` raised to `threshold`; other members and an `rv` stay. */
export function mergeThreshold(traceState: string, threshold: string): string {
  const members = traceState === '' ? [] : traceState.split(',');
  const own = members.find((member) => member.startsWith('ot='));
  const fields = own === undefined ? [] : own.slice(3).split(';');
  const theirs = fields.find((field) => field.startsWith('th:'))?.slice(3) ?? '0';
  const higher = theirs.padEnd(14, '0') > threshold.padEnd(14, '0') ? theirs : threshold;
  const others = fields.filter((field) => !field.startsWith('th:'));
  const merged = `ot=${[`th:${higher}`, ...others].join(';')}`;
  return [merged, ...members.filter((member) => member !== own)].slice(0, 32).join(',');
}
