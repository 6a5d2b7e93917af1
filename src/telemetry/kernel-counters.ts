/** Names of the kernel's counters: enum event_counter in bpf/event.h, in its order. */
import type { CounterName, Counters } from './counters.ts';

const KERNEL_COUNTERS: readonly CounterName[] = [
  'kernel.events',
  'lost.ring_full',
  'lost.connection_map',
  'lost.cause_map',
  'truncated.fault',
  'truncated.iovec',
  'kernel.skipped_not_http',
  'kernel.cause_taken',
  'kernel.cause_refused',
  'lost.policy_map',
  'kernel.read_unseen',
];

/** Replaces the kernel's part of the counters by the sums that were just read. */
export function addKernelCounters(counters: Counters, values: Float64Array): void {
  KERNEL_COUNTERS.forEach((name, index) => {
    counters.set(name, values[index]);
  });
}
