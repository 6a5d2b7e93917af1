/** Facts about the completeness of a row that its span and the counters state alike. */
import { ENDS, F64, FLAG, U32 } from '../handoff/layout.ts';
import type { Counters } from '../telemetry/counters.ts';

const DETACHED = ENDS.indexOf('detached');
const LOST = ENDS.indexOf('lost');
const TRUNCATED_FLAGS = FLAG.requestTruncated | FLAG.responseTruncated;

/** Cut short by a limit, or by the end of the agent. */
export function isTruncated(u32: Uint32Array, row: number): boolean {
  return (u32[row + U32.flags] & TRUNCATED_FLAGS) !== 0 || u32[row + U32.end] === DETACHED;
}

/** The kernel could not deliver some of its bytes. */
export function hasLoss(u32: Uint32Array, row: number): boolean {
  return (u32[row + U32.flags] & FLAG.loss) !== 0 || u32[row + U32.end] === LOST;
}

/**
 * Body bytes of a request. -1: a head that was cut hides where the body begins, so how long it is
 * nobody knows (of a body that was cut some bytes were seen).
 */
export function requestSize(u32: Uint32Array, f64: Float64Array, u: number, f: number): number {
  const size = f64[f + F64.requestBodyBytes];
  return size === 0 && (u32[u + U32.flags] & FLAG.requestTruncated) !== 0 ? -1 : size;
}

/** The same of a response; -1 when there is none, too. */
export function responseSize(u32: Uint32Array, f64: Float64Array, u: number, f: number): number {
  const size = f64[f + F64.responseBodyBytes];
  if (u32[u + U32.status] === 0) return -1;
  return size === 0 && (u32[u + U32.flags] & FLAG.responseTruncated) !== 0 ? -1 : size;
}

export function countMarks(u32: Uint32Array, row: number, counters: Counters): void {
  if (isTruncated(u32, row)) counters.add('truncated.spans');
  if (hasLoss(u32, row)) counters.add('export.spans_with_loss');
}
