/** The stage for one entry of `services.object_stores`. */
import { join } from 'node:path';
import { limits } from '../config/limits.ts';
import { RecentDigests } from './digests.ts';
import { StoredObjects } from './object-stage.ts';
import { openWriter, type StoreContext } from './open-writer.ts';
import type { FileStoreOptions, ObjectStoreOptions, S3StoreOptions } from './options.ts';
import { PackFolder } from './pack-folder.ts';
import { Packer } from './packer.ts';
import { disabledStage, type ObjectStage } from './stage.ts';
import { StdoutStage } from './stdout-stage.ts';
import type { ObjectWriter } from './writer.ts';

/** @throws AgentError when the store's folders, spool or certificates cannot be used */
export async function openObjectStage(
  options: ObjectStoreOptions,
  context: Omit<StoreContext, 'onDropped'>,
): Promise<ObjectStage> {
  switch (options.type) {
    case 'disabled':
      return disabledStage(options.id);
    case 'stdout':
      return new StdoutStage(options.id, context);
    default:
      return openStored(options, context);
  }
}

async function openStored(
  options: FileStoreOptions | S3StoreOptions,
  context: Omit<StoreContext, 'onDropped'>,
): Promise<ObjectStage> {
  const { counters } = context;
  const digests = new RecentDigests(limits.storeDigestsMax, counters);
  const onDropped = (key: string) => digests.forget(key);
  const { store, writer } = await openWriter(options, { ...context, onDropped });
  const { id, type, prefix, packing } = options;
  try {
    const packer = packing.enabled ? await openPacker(options, writer, context) : undefined;
    return new StoredObjects({ id, type, prefix, store, writer, digests, packer, counters });
  } catch (error) {
    // Its spool would be in use at the next attempt.
    await writer.close(0);
    throw error;
  }
}

async function openPacker(
  options: FileStoreOptions | S3StoreOptions,
  writer: ObjectWriter,
  { counters, log }: Omit<StoreContext, 'onDropped'>,
): Promise<Packer> {
  const path = packFolder(options);
  const folder =
    path === undefined
      ? undefined
      : await PackFolder.open(path, (error) =>
          log.warn(`open pack in ${path}: ${error.message}; it is in memory only`),
        );
  const offer = writer.offer.bind(writer);
  const recovered = (await folder?.recover(offer)) ?? 0;
  counters.add('store.packs_recovered', recovered);
  return new Packer({ options: options.packing, prefix: options.prefix, folder, offer, counters });
}

/** Beside the segments of the spool; a file store has them among its objects, hidden. */
function packFolder(options: FileStoreOptions | S3StoreOptions): string | undefined {
  if (options.type === 'file') return join(options.directory, '.packs');
  return options.spool.enabled ? join(options.spool.directory, 'packs') : undefined;
}
