/**
 * The object stores of a configuration by their ids. Over a reload a store that is left as it is
 * stays open; one whose settings changed ends before its successor begins, because only one can
 * have the spool: what waits in it is taken over.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ObjectStoreConfig } from './config/file/types.ts';
import { openObjectStage } from './store/open-stage.ts';
import type { StoreContext } from './store/open-writer.ts';
import type { ObjectStage } from './store/stage.ts';

interface Opened {
  readonly config: ObjectStoreConfig;
  stage: ObjectStage;
}

export class ObjectStores {
  #opened: Opened[] = [];

  /** @throws AgentError when a store cannot be used; those of `before` are as they were, then */
  static async open(
    configs: readonly ObjectStoreConfig[],
    context: StoreContext,
    before?: ObjectStores,
  ): Promise<ObjectStores> {
    const stores = new ObjectStores();
    const ended: Opened[] = [];
    try {
      for (const config of configs) {
        const stage = before?.stageFor(config);
        const spool = spoolOf(config);
        if (stage === undefined && spool !== undefined) {
          ended.push(...((await before?.endWithSpool(spool)) ?? []));
        }
        stores.#opened.push({ config, stage: stage ?? (await openObjectStage(config, context)) });
      }
    } catch (error) {
      await stores.close(0, before);
      for (const opened of ended) opened.stage = await openObjectStage(opened.config, context);
      throw error;
    }
    return stores;
  }

  /** The first one without an id; undefined: there is none, or it takes nothing. */
  find(id: string | undefined): ObjectStage | undefined {
    const found =
      id === undefined ? this.#opened[0] : this.#opened.find(({ config }) => config.id === id);
    return found === undefined || found.stage.type === 'disabled' ? undefined : found.stage;
  }

  /** Ends those that `next` did not take over. */
  async close(deadlineMs: number, next?: ObjectStores): Promise<void> {
    const ended = this.#opened.filter(({ stage }) => next?.has(stage) !== true);
    await Promise.all(ended.map(({ stage }) => stage.close(deadlineMs)));
  }

  has(stage: ObjectStage): boolean {
    return this.#opened.some((opened) => opened.stage === stage);
  }

  /** Of an entry of the file that is the same. */
  stageFor(config: ObjectStoreConfig): ObjectStage | undefined {
    return this.#opened.find((opened) => isDeepStrictEqual(opened.config, config))?.stage;
  }

  /** Until there is a successor, what comes is dropped and counted: some milliseconds. */
  async endWithSpool(directory: string): Promise<Opened[]> {
    const ended = this.#opened.filter(({ config }) => spoolOf(config) === directory);
    await Promise.all(ended.map(({ stage }) => stage.close(0)));
    return ended;
  }
}

/** The folder that one store alone may have. */
function spoolOf(config: ObjectStoreConfig): string | undefined {
  return config.type === 's3' && config.spool.enabled ? config.spool.directory : undefined;
}
