/** A spool by what a user says of it, with what becomes of it told to people and counted. */
import { limits } from '../config/limits.ts';
import type { CounterName, Counters } from '../telemetry/counters.ts';
import { Spool, type SpoolEvents, type SpoolLimits } from './spool.ts';

export interface SpoolFolderOptions {
  readonly enabled: boolean;
  readonly directory: string;
  readonly maxBytes: number;
  /** Survive a power failure, too. */
  readonly fsync: boolean;
}

export interface SpoolContext {
  /** What is kept, for messages: `objects`. */
  readonly what: string;
  /** Larger records are refused. */
  readonly recordBytesMax: number;
  readonly counters: Counters;
  /** Times the disk began to refuse, and bytes that could not be read back. */
  readonly names: { readonly failed: CounterName; readonly damagedBytes: CounterName };
  readonly log: { info(message: string): void; warn(message: string): void };
}

/** @throws AgentError when the directory cannot be used, or another process uses it */
export function openSpool(options: SpoolFolderOptions, context: SpoolContext): Promise<Spool> {
  return Spool.open(options.directory, {
    limits: spoolLimits(options.maxBytes, context.recordBytesMax),
    durability: options.fsync ? 'power' : 'process',
    events: spoolEvents(options.directory, context),
  });
}

/** Limits of a spool of so many bytes. */
function spoolLimits(bytesMax: number, recordBytesMax: number): SpoolLimits {
  // A small spool has several segments, too: room comes back a segment at a time. A large one has
  // larger segments, so that bytes run out before files do.
  const smallest = Math.min(limits.spoolSegmentBytes, Math.ceil(bytesMax / 8));
  const segmentsMax = limits.spoolSegmentsMax;
  return {
    bytesMax,
    segmentsMax,
    segmentBytesMax: Math.max(smallest, Math.ceil((2 * bytesMax) / segmentsMax)),
    bufferBytesMax: limits.spoolBufferBytesMax,
    recordBytesMax,
  };
}

function spoolEvents(folder: string, context: SpoolContext): SpoolEvents {
  const { counters, log, names, what } = context;
  return {
    damaged: (bytes) => {
      counters.add(names.damagedBytes, bytes);
      log.warn(`spool ${folder}: ${bytes} bytes cannot be read back and are given up`);
    },
    failing: (error) => {
      counters.add(names.failed);
      log.warn(`spool ${folder}: ${error.message}; ${what} wait in memory only`);
    },
    recovered: () => log.info(`spool ${folder}: can be written again`),
  };
}
