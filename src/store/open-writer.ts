/** A writer for a `file` or `s3` store: the store, its spool and its queue, by what a user says. */
import { access, constants } from 'node:fs/promises';
import { limits } from '../config/limits.ts';
import { makeFolder } from '../spool/make-folder.ts';
import { openSpool } from '../spool/open.ts';
import type { Spool } from '../spool/spool.ts';
import { AgentError, messageOf } from '../telemetry/agent-error.ts';
import type { Counters } from '../telemetry/counters.ts';
import { FileStore } from './file-store.ts';
import type { FileStoreOptions, S3StoreOptions } from './options.ts';
import type { StandardOutput } from './standard-output.ts';
import type { ObjectStore, StoreLog } from './types.ts';
import { ObjectWriter, SPOOL_NAMES, type WriterParts } from './writer.ts';

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

/** @throws AgentError when folders, the spool or certificates cannot be used */
export async function openWriter(
  options: FileStoreOptions | S3StoreOptions,
  context: StoreContext,
): Promise<OpenedWriter> {
  const store = options.type === 's3' ? await openS3(options) : await openFileStore(options);
  const hasSpool = options.type === 's3' && options.spool.enabled;
  const parts: WriterParts = {
    store,
    spool: hasSpool ? await openObjectSpool(options, context) : undefined,
    limits: {
      queueBytesMax: options.sendingQueue.queueBytes,
      requestsMax: options.sendingQueue.numConsumers,
      objectBytesMax: limits.storeObjectBytesMax,
      spoolDelayMs: limits.spoolDelayMs,
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
    await makeFolder(directory);
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    const store = new FileStore({ directory, accessUrl, bytesMax: maxBytes });
    void store.takeStock();
    return store;
  } catch (cause) {
    const why = messageOf(cause);
    const what = `the object store ${directory} cannot be used`;
    const todo = 'name a directory that this user may create or write to';
    throw new AgentError('store_directory', { what, why, todo }, { cause });
  }
}

function openObjectSpool({ spool }: S3StoreOptions, context: StoreContext): Promise<Spool> {
  const { counters, log } = context;
  return openSpool(spool, {
    what: 'objects',
    recordBytesMax: limits.storeObjectBytesMax + SPOOL_HEADER_BYTES,
    counters,
    log,
    names: SPOOL_NAMES,
  });
}
