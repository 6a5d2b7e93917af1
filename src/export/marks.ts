/** Facts about the completeness of a row that its span and the counters state alike. */
import { ENDS, FLAG, U32 } from '../handoff/layout.ts';
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

export function countMarks(u32: Uint32Array, row: number, counters: Counters): void {
  if (isTruncated(u32, row)) counters.add('truncated.spans');
  if (hasLoss(u32, row)) counters.add('export.spans_with_loss');
}
