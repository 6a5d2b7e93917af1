/** A record as text under the agent's limits, with its counters. */
import { limits } from '../config/limits.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { RecordInput } from './record-input.ts';
import { formatText } from './text.ts';

/** Never rejects: what does not decode is said to be so. */
export function recordText(input: RecordInput, counters: Counters): Promise<string> {
  const body = input.request.body ?? input.response?.body;
  const decodedBytesMax = body?.decodedBytesMax ?? limits.decodedBodyBytesMax;
  return formatText(
    input,
    { decodedBytesMax, codingsMax: limits.contentCodingsMax },
    {
      undecoded: () => counters.add('store.undecoded'),
      cut: () => counters.add('truncated.store_decoded'),
    },
  );
}
