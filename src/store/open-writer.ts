/** A writer for a `file` or `s3` store: the store, its spool and its queue, by what a user says. */
import { mkdir } from 'node:fs/promises';
import { limits } from '../config/limits.ts';
import { AgentError } from '../telemetry/agent-error.ts';
import type { Counters } from '../telemetry/counters.ts';
import { takeStock } from './file-stock.ts';
import { FileStore } from './file-store.ts';
import type { FileStoreOptions, S3StoreOptions } from './options.ts';
import { Spool, type SpoolEvents, type SpoolLimits } from './spool/spool.ts';
import type { StandardOutput } from './standard-output.ts';
import type { ObjectStore, StoreLog } from './types.ts';
import { ObjectWriter, type WriterParts } from './writer.ts';

export interface StoreContext {
  readonly counters: Counters;
  readonly log: StoreLog;
  /** Standard output, where several parts print to it; a store of type stdout has its own else. */
  readonly output?: StandardOutput;
  readonly onDropped?: (key: string) => void;
}

export interface OpenedWriter {
  readonly store: ObjectStore;
  readonly writer: ObjectWriter;
}

const SPOOL_HEADER_BYTES = 64 * 1024;

/** Throws an AgentError when folders, the spool or certificates cannot be used. */
export async function openWriter(
  options: FileStoreOptions | S3StoreOptions,
  context: StoreContext,
): Promise<OpenedWriter> {
  const store = options.type === 's3' ? await openS3(options) : await openFileStore(options);
  const hasSpool = options.type === 's3' && options.spool.enabled;
  const parts: WriterParts = {
    store,
    spool: hasSpool ? await openSpool(options, context) : undefined,
    limits: {
      queueBytesMax: options.sendingQueue.queueBytes,
      requestsMax: options.sendingQueue.numConsumers,
      objectBytesMax: limits.storeObjectBytesMax,
      spoolDelayMs: limits.storeSpoolDelayMs,
    },
    retry: options.retryOnFailure,
    counters: context.counters,
    log: context.log,
    ...(context.onDropped === undefined ? {} : { onDropped: context.onDropped }),
  };
  return { store, writer: new ObjectWriter(parts) };
}

async function openS3(options: S3StoreOptions): Promise<ObjectStore> {
  const { openS3Store } = await import('./s3-store.ts');
  return openS3Store(options, {
    requestsMax: options.sendingQueue.numConsumers,
    requestTimeoutMs: limits.storeRequestTimeoutMs,
  });
}

async function openFileStore(options: FileStoreOptions): Promise<ObjectStore> {
  const { directory, accessUrl, maxBytes } = options;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const bytesUsed = await takeStock(directory);
    return new FileStore({ directory, accessUrl, bytesMax: maxBytes, bytesUsed });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const what = `the object store ${directory} cannot be used`;
    const todo = 'name a directory that this user may create or write to';
    throw new AgentError('store_directory', { what, why, todo }, { cause });
  }
}

/** Limits of a spool of so many bytes. */
export function spoolLimits(bytesMax: number): SpoolLimits {
  // A small spool has several segments, too: room comes back a segment at a time. A large one has
  // larger segments, so that bytes run out before files do.
  const smallest = Math.min(limits.storeSpoolSegmentBytes, Math.ceil(bytesMax / 8));
  const segmentsMax = limits.storeSpoolSegmentsMax;
  return {
    bytesMax,
    segmentsMax,
    segmentBytesMax: Math.max(smallest, Math.ceil((2 * bytesMax) / segmentsMax)),
    bufferBytesMax: limits.storeSpoolBufferBytesMax,
    recordBytesMax: limits.storeObjectBytesMax + SPOOL_HEADER_BYTES,
  };
}

function openSpool({ spool }: S3StoreOptions, context: StoreContext): Promise<Spool> {
  return Spool.open(spool.directory, {
    limits: spoolLimits(spool.maxBytes),
    durability: spool.fsync ? 'power' : 'process',
    events: spoolEvents(spool.directory, context),
  });
}

function spoolEvents(folder: string, { counters, log }: StoreContext): SpoolEvents {
  return {
    damaged: (bytes) => {
      counters.add('store.spool_damaged_bytes', bytes);
      log.warn(`spool ${folder}: ${bytes} bytes cannot be read back and are given up`);
    },
    failing: (error) => {
      counters.add('store.spool_failed');
      log.warn(`spool ${folder}: ${error.message}; objects wait in memory only`);
    },
    recovered: () => log.info(`spool ${folder}: can be written again`),
  };
}
