/** One look into a running HAProxy. */
import type { HaproxyVariables } from '../families.ts';
import { readProcFolder, readProcText } from '../proc/files.ts';
import { type Memory, pointerAt, withMemory } from '../proc/memory.ts';
import { parseStat } from '../processes.ts';
import { type Base, findBases, findSamples, type Sample } from './structures.ts';

/** How long one look waits for a request: it may be over before the next read. */
const LOOK_MS = 10;
/** Descriptors that are looked at; those of a busy process are a sample. */
const DESCRIPTORS_MAX = 128;
/** Of them as many tell where connections are. */
const BASE_DESCRIPTORS_MAX = 24;

export interface Seen {
  /** Empty: it has no two connections of clients or servers. */
  readonly bases: readonly Base[];
  readonly samples: readonly Sample[];
}

const NOTHING: Seen = { bases: [], samples: [] };

/** Where the process has its code; 0 when it is gone. */
export function codeStart(pid: number, root: string): number {
  return parseStat(readProcText(`${root}/${pid}/stat`))?.codeStart ?? 0;
}

/** `look`: its number, so that each takes other descriptors of many. */
export function lookInto(
  pid: number,
  { tableFromCode }: HaproxyVariables,
  look: number,
  root: string,
): Seen {
  const code = codeStart(pid, root);
  if (code === 0) return NOTHING;
  const fds = someOf(descriptors(pid, root), DESCRIPTORS_MAX, look);
  if (fds.length === 0) return NOTHING;
  const seen = withMemory(pid, root, (memory) => {
    const table = pointerAt(memory, code + tableFromCode);
    return table === 0 ? NOTHING : lookAt(memory, table, fds, look);
  });
  return seen ?? NOTHING;
}

function lookAt(memory: Memory, table: number, fds: readonly number[], look: number): Seen {
  const bases = findBases(memory, table, someOf(fds, BASE_DESCRIPTORS_MAX, look));
  if (bases.length === 0) return NOTHING;
  const endMs = performance.now() + LOOK_MS;
  for (;;) {
    const samples = findSamples(memory, table, fds, bases);
    if (samples.length > 0 || performance.now() > endMs) return { bases, samples };
  }
}

function descriptors(pid: number, root: string): number[] {
  return readProcFolder(`${root}/${pid}/fd`)
    .map(Number)
    .filter(Number.isInteger)
    .sort((a, b) => a - b);
}

/** At most `max` of them, spread evenly; others with another `turn`. The last ones are in use. */
function someOf(all: readonly number[], max: number, turn: number): readonly number[] {
  if (all.length <= max) return all;
  const step = Math.ceil(all.length / max);
  return all.filter((_, index) => index % step === turn % step);
}
