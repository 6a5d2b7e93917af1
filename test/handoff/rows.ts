/** What the link stage says of an exchange. */
import type { SpanRow } from '../../src/handoff/batch-writer.ts';

const ROW: SpanRow = {
  process: 3,
  peerProcess: 5,
  flags: 0,
  tier: 0,
  confidencePpm: 0,
  resendCount: 0,
  hop: 0,
  traceFlags: 1,
  trace0: 1,
  trace1: 2,
  trace2: 3,
  trace3: 4,
  span0: 5,
  span1: 6,
  parent0: 0,
  parent1: 0,
  link: null,
  ownNs: -1,
};

export function spanRow(row: Partial<SpanRow>): SpanRow {
  return { ...ROW, ...row };
}
