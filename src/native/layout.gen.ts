// Generated from the BTF of bpf/event.h by tools/gen/layout.ts. Do not edit.

/** What the addon must report about its events: version and sizes in bytes. */
export const EXPECTED_LAYOUT = {
  version: 3,
  header: 24,
  open: 248,
  data: 104,
  close: 56,
  process: 56,
  chunk: 16384,
  counters: 12,
} as const;

export type Layout = { readonly [K in keyof typeof EXPECTED_LAYOUT]: number };
