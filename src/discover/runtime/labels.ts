/** Labels and annotations within bounds: people put whole files into annotations. */
import { limits } from '../../config/limits.ts';
import type { Counters } from '../../telemetry/counters.ts';
import type { Labels } from './types.ts';

export const NO_LABELS: Labels = new Map();

/**
 * The first `limits.containerLabelsMax` (then `dropped.container_labels`), values cut at
 * `limits.containerLabelBytesMax` (`truncated.container_labels`).
 */
export function boundLabels(
  entries: Iterable<readonly [string, string]>,
  counters?: Counters,
): Labels {
  const labels = new Map<string, string>();
  for (const [key, value] of entries) {
    if (labels.size < limits.containerLabelsMax) labels.set(key, cut(value, counters));
    else counters?.add('dropped.container_labels');
  }
  return labels;
}

function cut(value: string, counters: Counters | undefined): string {
  const bytes = Buffer.from(value, 'utf8');
  if (bytes.length <= limits.containerLabelBytesMax) return value;
  counters?.add('truncated.container_labels');
  return bytes.toString('utf8', 0, limits.containerLabelBytesMax).replace(/\ufffd+$/, '');
}
