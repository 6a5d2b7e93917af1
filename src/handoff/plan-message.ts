/** A plan of discovery, as the capture worker is told it. */
import type { WatchPlan } from '../discover/watcher.ts';
import type { PlanMessage } from './messages.ts';

/** `resource`: what a recording keeps about the process. */
export function planMessage(plan: WatchPlan, resource: PlanMessage['resource'] = {}): PlanMessage {
  const { tgid, watch, family, executableKey, uprobes, maySplice, walk } = plan;
  const what = { tgid, watch, family, executableKey, uprobes, maySplice, walk };
  return { kind: 'plan', ...what, resource };
}
