/**
 * Consistent probability sampling (OpenTelemetry, tracestate `ot=th`): a trace is kept iff R >= T,
 * R being the last 56 bits of its id (W3C Trace Context level 2 randomness). So whoever keeps a
 * share of the traces keeps all those that somebody with a smaller share keeps.
 */
import { U32 } from '../../handoff/layout.ts';

const TWO_24 = 2 ** 24;
const TWO_56 = 2 ** 56;

/** Rejection threshold T, split as R is: 24 bits and 32 bits. 2^56 rejects all. */
export interface Threshold {
  readonly high: number;
  readonly low: number;
  /** As `th` has it: hex digits without zeros at the end; '0' keeps all. */
  readonly text: string;
}

/** `text`: hex digits, of which those at the end may be left out. */
export function thresholdOfText(text: string): Threshold {
  return { ...splitHex(text.padEnd(14, '0')), text: text.replace(/0+$/, '') || '0' };
}

/** `ratio`: share of the traces that is kept, 0 to 1. */
export function thresholdOf(ratio: number): Threshold {
  const rejected = BigInt(Math.round((1 - ratio) * TWO_56));
  return {
    high: Number(rejected >> 32n),
    low: Number(rejected & 0xffffffffn),
    text: rejected.toString(16).padStart(14, '0').replace(/0+$/, '') || '0',
  };
}

/** R, split as T is. */
export interface Randomness {
  high: number;
  low: number;
}

/** `digits`: the 14 hex digits of T or R. */
export function splitHex(digits: string): Randomness {
  return {
    high: Number.parseInt(digits.slice(0, 6), 16),
    low: Number.parseInt(digits.slice(6), 16),
  };
}

/** That of the trace id of the row at `row`. */
export function readTraceRandomness(u32: Uint32Array, row: number, into: Randomness): void {
  into.high = u32[row + U32.traceId + 2] % TWO_24;
  into.low = u32[row + U32.traceId + 3];
}

/** R >= T. */
export function isWithin(threshold: Threshold, { high, low }: Randomness): boolean {
  if (high !== threshold.high) return high > threshold.high;
  return low >= threshold.low;
}

export function higherOf(a: Threshold, b: Threshold): Threshold {
  if (a.high !== b.high) return a.high > b.high ? a : b;
  return a.low >= b.low ? a : b;
}
