/** A plan of discovery, as the capture worker is told it. */
import type { PlanMessage } from './messages.ts';

/** `resource`: what a recording keeps about the process. */
export function planMessage(
  plan: Omit<PlanMessage, 'kind' | 'resource'>,
  resource: PlanMessage['resource'] = {},
): PlanMessage {
  const { tgid, watch, family, executableKey, uprobes, maySplice, walk } = plan;
  const what = { tgid, watch, family, executableKey, uprobes, maySplice, walk };
  return { kind: 'plan', ...what, resource };
}
