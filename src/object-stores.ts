/** The object stores of a configuration by their ids; kept open over a reload that leaves them as they are. */
import { isDeepStrictEqual } from 'node:util';
import type { ObjectStoreConfig } from './config/file/types.ts';
import { openObjectStage } from './store/open-stage.ts';
import type { StoreContext } from './store/open-writer.ts';
import type { ObjectStage } from './store/stage.ts';

interface Opened {
  readonly config: ObjectStoreConfig;
  readonly stage: ObjectStage;
}

export class ObjectStores {
  readonly #opened: readonly Opened[];

  private constructor(opened: readonly Opened[]) {
    this.#opened = opened;
  }

  /** @throws AgentError when a store cannot be used; those that were opened are closed again */
  static async open(
    configs: readonly ObjectStoreConfig[],
    context: StoreContext,
    before?: ObjectStores,
  ): Promise<ObjectStores> {
    const opened: Opened[] = [];
    try {
      for (const config of configs) {
        const stage = before?.stageFor(config) ?? (await openObjectStage(config, context));
        opened.push({ config, stage });
      }
    } catch (error) {
      const fresh = opened.filter(({ stage }) => before?.has(stage) !== true);
      await Promise.all(fresh.map(({ stage }) => stage.close(0)));
      throw error;
    }
    return new ObjectStores(opened);
  }

  /** The first one without an id; undefined: there is none, or it takes nothing. */
  find(id: string | undefined): ObjectStage | undefined {
    const found =
      id === undefined ? this.#opened[0] : this.#opened.find(({ stage }) => stage.id === id);
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
}
