/** A record as text under the agent's limits, with its counters. */
import { limits } from '../config/limits.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { RecordInput } from './record-input.ts';
import { formatText } from './text.ts';

export function recordText(input: RecordInput, counters: Counters): Promise<string> {
  const { decodedBodyBytesMax, contentCodingsMax } = limits;
  return formatText(
    input,
    { decodedBytesMax: decodedBodyBytesMax, codingsMax: contentCodingsMax },
    {
      undecoded: () => counters.add('store.undecoded'),
      cut: () => counters.add('truncated.store_decoded'),
    },
  );
}
