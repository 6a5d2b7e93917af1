/** The export stage in parts, with fixed clocks and small options. */
import { toUnix, WallClock } from '../../src/export/clock.ts';
import { type SpanObject, SpanObjects } from '../../src/export/otlp/span-object.ts';
import { toRows } from '../../src/export/rows.ts';
import { SpanDescriber, type SpanOptions } from '../../src/export/span.ts';
import type { ExchangeBatch } from '../../src/handoff/layout.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { type DecidedOptions, kept } from './decided.ts';
import { type Row, toBatch } from './rows.ts';

/** Unix time is monotonic time plus exactly this. */
export const OFFSET_NS = 1_700_000_000_000_000_000n;

/** A clock that is read without moving, except that it ticks when it is waited for. */
export function fixedClock(offsetNs = OFFSET_NS): WallClock {
  let monotonicNs = 5_000_000_000n;
  return new WallClock({
    monotonicNs: () => monotonicNs,
    wallMs: () => {
      monotonicNs += 500n;
      return Number((monotonicNs + offsetNs) / 1_000_000n);
    },
  });
}

export const SUMMARY: SpanOptions = {
  hasHeaders: true,
  attributeBytesMax: 2_048,
  attributesMax: 128,
};

/** What each row becomes. */
export function describeRows(
  rows: readonly Row[],
  options: Partial<SpanOptions> & DecidedOptions = {},
  counters = new Counters(),
): SpanObject[] {
  return describeBatch(toBatch(rows), options, counters);
}

export function describeBatch(
  batch: ExchangeBatch,
  { level, threshold, references, ...options }: Partial<SpanOptions> & DecidedOptions = {},
  counters = new Counters(),
): SpanObject[] {
  const all = { ...SUMMARY, ...options };
  const decided = { level, threshold, references };
  const describer = new SpanDescriber(all, fixedClock(), counters);
  const objects = new SpanObjects(all.attributeBytesMax, counters);
  const rows = toRows(...kept(batch, decided));
  return Array.from({ length: batch.count }, (_, index) => {
    describer.describe(rows, index, objects);
    return objects.span;
  });
}

export function attributesOf(
  row: Row,
  options: Partial<SpanOptions> & DecidedOptions = {},
): Record<string, unknown> {
  const [span] = describeRows([row], options);
  return Object.fromEntries(span?.attributes ?? []);
}

export { toUnix };
