/**
 * Rules and sampling, hop by hop: at which level each exchange is kept, and whether its span is
 * exported. A hop is decided as one: when one of its exchanges reaches a level, none of the others
 * is left out, and all of them are sampled or none.
 */

import { RANK } from '../../config/levels.ts';
import { endOfHop } from '../../handoff/hop.ts';
import type { ExchangeBatch } from '../../handoff/layout.ts';
import { F64, F64_COLUMNS, U32, U32_COLUMNS } from '../../handoff/layout.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { ExchangeSource } from '../fields/exchange-source.ts';
import type { FactSource } from '../fields/facts.ts';
import { Caller } from '../sampling/caller.ts';
import type { RateLimit } from '../sampling/rate-limit.ts';
import type { Sampler } from '../sampling/sampler.ts';
import { higherOf, type Threshold } from '../sampling/threshold.ts';
import { createVerdict, evaluate } from '../sets/rule-set.ts';
import { emptySlice } from '../values/text.ts';
import { DecisionColumns, type Decisions } from './decisions.ts';
import type { Stack, Stacks } from './stacks.ts';

export interface DeciderParts {
  readonly stacks: Stacks;
  readonly source: ExchangeSource;
  readonly facts: Pick<FactSource, 'process'>;
  readonly sampler: Sampler;
  /** undefined: no bound per second. */
  readonly rateLimit: RateLimit | undefined;
  readonly counters: Counters;
}

const SUMMARY = RANK.summary;
/** Qtap's label by which a pod names its stack. */
const STACK_LABEL = 'src.pod.labels.tap.qpoint.io/stack';

export class Decider {
  readonly #parts: DeciderParts;
  readonly #columns = new DecisionColumns();
  readonly #verdict = createVerdict();
  readonly #host = emptySlice();
  readonly #caller = new Caller();
  /** Without rules and endpoints nothing about a row has to be looked up. */
  readonly #isUniform: boolean;
  #batch: ExchangeBatch | undefined;

  constructor(parts: DeciderParts) {
    this.#parts = parts;
    const { all, byHost } = parts.stacks;
    this.#isUniform = byHost.size === 0 && all.length === 2;
  }

  /** Decisions hold until the next call. */
  decide(batch: ExchangeBatch): Decisions {
    const columns = this.#columns;
    columns.reset(batch.count);
    this.#batch = batch;
    if (!this.#isUniform) this.#parts.source.open(batch);
    for (let start = 0; start < batch.count; ) {
      const end = endOfHop(batch, start);
      this.#decideHop(batch, start, end);
      start = end;
    }
    return columns;
  }

  #decideHop(batch: ExchangeBatch, start: number, end: number): void {
    const { levels } = this.#columns;
    let highest = 0;
    let asked: number | null = null;
    for (let row = start; row < end; row++) {
      const sample = this.#decideRow(row);
      if (sample !== null) asked = Math.max(sample, asked ?? 0);
      highest = Math.max(highest, levels[row]);
    }
    if (highest === 0) {
      this.#parts.counters.add('dropped.by_rule', end - start);
      return;
    }
    const isKept = this.#isKept(batch, start, end, asked);
    for (let row = start; row < end; row++) this.#finishRow(row, isKept);
  }

  /** Level and format of a row; returns the share of its hop that rules ask for. */
  #decideRow(row: number): number | null {
    const { stacks, source } = this.#parts;
    const columns = this.#columns;
    if (!this.#isUniform) source.seek(row);
    const index = this.#isUniform ? stacks.standard : this.#stackOf(row);
    const { capture } = stacks.all[index] as Stack;
    const verdict = evaluate(capture.set, source, this.#verdict);
    columns.stacks[row] = index;
    columns.levels[row] = RANK[verdict.level];
    columns.text[row] = (verdict.matched?.format ?? capture.format) === 'text' ? 1 : 0;
    columns.stored[row] = verdict.store === 'always' || capture.isStoredAlways ? 1 : 0;
    return verdict.sample;
  }

  /** `stored` says until now whether the record is made even of what is not sampled. */
  #finishRow(row: number, isKept: boolean): void {
    const { levels, kept, stored } = this.#columns;
    if (levels[row] < SUMMARY) levels[row] = SUMMARY;
    kept[row] = isKept ? 1 : 0;
    if (isKept) stored[row] = 1;
  }

  #isKept(batch: ExchangeBatch, start: number, end: number, asked: number | null): boolean {
    const { sampler, rateLimit, counters } = this.#parts;
    const caller = this.#caller;
    caller.read(batch, start, end);
    if (!sampler.isSampled(batch.u32, start * U32_COLUMNS, asked, caller.randomness)) {
      counters.add('dropped.not_sampled', end - start);
      return false;
    }
    let { threshold } = sampler;
    if (rateLimit !== undefined) {
      const timeNs = batch.f64[start * F64_COLUMNS + F64.endNs];
      if (!rateLimit.isWithin(caller.randomness, timeNs)) {
        counters.add('dropped.rate_limited', end - start);
        return false;
      }
      threshold = higherOf(threshold, rateLimit.threshold);
    }
    this.#note(start, end, threshold);
    return true;
  }

  /**
   * The threshold that the rows of a kept hop tell: the higher one of what the caller applied and what
   * was applied here. Whom this agent follows it believes.
   */
  #note(start: number, end: number, own: Threshold): void {
    const { said, applied } = this.#caller;
    const theirs = this.#parts.sampler.isParentBased ? said : applied;
    const { text } = theirs === undefined ? own : higherOf(theirs, own);
    if (text === (said?.text ?? '0')) return;
    for (let row = start; row < end; row++) this.#columns.thresholds[row] = text;
  }

  /** As Qtap: the label of the pod, the host that is asked for, the stack for HTTP. */
  #stackOf(row: number): number {
    const { stacks, source, facts } = this.#parts;
    const process = this.#batch?.u32[row * U32_COLUMNS + U32.process] ?? 0;
    const label = facts.process(process)[STACK_LABEL];
    const named = typeof label === 'string' ? stacks.byName.get(label) : undefined;
    if (named !== undefined) return named;
    if (stacks.byHost.size === 0 || !source.host(this.#host)) return stacks.standard;
    const { bytes, start, end } = this.#host;
    const host = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
      .toString('latin1', start, end)
      .replace(/:\d*$/, '')
      .toLowerCase();
    return stacks.byHost.get(host) ?? stacks.standard;
  }
}
