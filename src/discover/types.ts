/**
 * What discovery gives to the native stage and to export: which process is what, where to attach.
 */

import type { HaproxyWalk } from '../handoff/haproxy-layout.ts';
import type { UprobeProgram } from '../native/types.ts';

/** Programs whose linking state is understood; `other` is captured but linked by lower tiers. */
export type Family = 'nginx' | 'haproxy' | 'go' | 'apache' | 'other';

/** One uprobe: `offset` is the file offset of the probed instruction in `path`. */
export interface UprobeSite {
  /** Name of the BPF program, see bpf/README.md. */
  readonly program: UprobeProgram;
  readonly path: string;
  readonly offset: number;
  readonly isReturn: boolean;
  /** False when the kernel single-steps the first instruction (several us a hit on some machines). */
  readonly isCheap: boolean;
}

/** What to do with one process. */
export interface AttachPlan {
  readonly tgid: number;
  /** Device and inode of the executable: probes are attached once per key. '' when unknown. */
  readonly executableKey: string;
  readonly family: Family;
  readonly uprobes: readonly UprobeSite[];
  /** It may read by splice() at any time: that is followed from the start. */
  readonly maySplice?: boolean;
  /** HAProxy: the way through its structures, once it is known. */
  readonly walk?: HaproxyWalk;
  /** Why a tier is not available, in words for `doctor`; empty when all is well. */
  readonly reasons: readonly string[];
}

/** OpenTelemetry Resource attributes of an observed process; one object per process. */
export interface ProcessResource {
  readonly attributes: Readonly<Record<string, string | number | readonly string[]>>;
}
