/** Object stores behind the first have spools of their own, by their id, unless the file names one. */
import type { Config } from './types.ts';

/** `isSaid`: the file has a value at this path. Changes the configuration in place. */
export function nameFurtherSpools({ services }: Config, isSaid: (path: string) => boolean): void {
  let isFirst = true;
  for (const [index, store] of services.objectStores.entries()) {
    if (store.type !== 's3') continue;
    if (!isFirst && !isSaid(`services.object_stores[${index}].spool.directory`)) {
      const spool = store.spool as { directory: string };
      spool.directory += `-${(store.id ?? `${index + 1}`).replace(/[^\w.-]/g, '_')}`;
    }
    isFirst = false;
  }
}
