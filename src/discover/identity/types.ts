/** Who an observed process is, for spans, rules and records. */
import type { ProcessResource } from '../types.ts';

/** Fields of rules by their full names: `src.process.path`, `src.container.labels.app`, `tags`. */
export type ProcessFields = Readonly<Record<string, string | number | readonly string[]>>;

/** The process in records and connection events. */
export interface ProcessSummary {
  readonly pid: number;
  /** Path of the executable; '' unknown. */
  readonly exe: string;
  /** What people call it: nginx. */
  readonly name: string;
  /** `name` is the short id until, or unless, its runtime tells another. */
  readonly container: { readonly name: string; readonly image: string } | undefined;
  readonly pod: { readonly name: string; readonly namespace: string } | undefined;
}

/** One object per process; what is learnt later, or configured otherwise, makes a new one. */
export interface Identity {
  readonly resource: ProcessResource;
  readonly facts: ProcessFields;
  readonly process: ProcessSummary;
  /** `key:value`, in the order of the file. */
  readonly tags: readonly string[];
}
