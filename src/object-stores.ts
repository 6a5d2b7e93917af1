/**
 * The object stores of a configuration by their ids. Over a reload a store that is left as it is
 * stays open; one whose settings changed ends before its successor begins, because only one can
 * have the spool: what waits in it is taken over.
 */
import { contentsOf } from './certificate-files.ts';
import type { ObjectStoreConfig } from './config/file/types.ts';
import { openObjectStage } from './store/open-stage.ts';
import type { StoreContext } from './store/open-writer.ts';
import type { ObjectStage } from './store/stage.ts';
import { type Opened, StoreSet } from './store-set.ts';

interface OpenedStage extends Opened<ObjectStage> {
  readonly key: { readonly config: ObjectStoreConfig; readonly certificates: readonly string[] };
}

export class ObjectStores extends StoreSet<ObjectStage> {
  protected override readonly opened: OpenedStage[] = [];

  /** @throws AgentError when a store cannot be used; those of `before` are as they were, then */
  static async open(
    configs: readonly ObjectStoreConfig[],
    context: StoreContext,
    before?: ObjectStores,
  ): Promise<ObjectStores> {
    const stores = new ObjectStores();
    const ended: OpenedStage[] = [];
    try {
      for (const config of configs) {
        const key = keyOf(config);
        const known = before?.storeFor(key);
        const spool = spoolOf(config);
        if (known === undefined && spool !== undefined) {
          ended.push(...((await before?.endWithSpool(spool)) ?? []));
        }
        stores.opened.push({ key, store: known ?? (await openObjectStage(config, context)) });
      }
    } catch (error) {
      await stores.close(0, before);
      for (const opened of ended) opened.store = await openObjectStage(opened.key.config, context);
      throw error;
    }
    return stores;
  }

  /** Until there is a successor, what comes is dropped and counted: some milliseconds. */
  async endWithSpool(directory: string): Promise<OpenedStage[]> {
    const ended = this.opened.filter(({ key }) => spoolOf(key.config) === directory);
    await Promise.all(ended.map(({ store }) => store.close(0)));
    return ended;
  }
}

function keyOf(config: ObjectStoreConfig): OpenedStage['key'] {
  return { config, certificates: config.type === 's3' ? contentsOf([config.tls.caFile]) : [] };
}

/** The folder that one store alone may have. */
function spoolOf(config: ObjectStoreConfig): string | undefined {
  return config.type === 's3' && config.spool.enabled ? config.spool.directory : undefined;
}
