/**
 * The stores of one configuration, by their ids. Over a reload those that are left as they are stay
 * open: the next set takes them over.
 */
import { isDeepStrictEqual } from 'node:util';

interface Store {
  readonly id: string | undefined;
  readonly type: string;
  close(deadlineMs: number): Promise<void>;
}

export interface Opened<S extends Store> {
  /** All that the store depends on. */
  readonly key: unknown;
  store: S;
}

export class StoreSet<S extends Store> {
  protected readonly opened: Opened<S>[] = [];

  /** The first one without an id; undefined: there is none, or it takes nothing. */
  find(id: string | undefined): S | undefined {
    const found =
      id === undefined ? this.opened[0] : this.opened.find(({ store }) => store.id === id);
    return found === undefined || found.store.type === 'disabled' ? undefined : found.store;
  }

  /** One that would be the same again. */
  storeFor(key: unknown): S | undefined {
    return this.opened.find((opened) => isDeepStrictEqual(opened.key, key))?.store;
  }

  /** Ends those that `next` did not take over. */
  async close(deadlineMs: number, next?: StoreSet<S>): Promise<void> {
    const ended = this.opened.filter(({ store }) => next === undefined || !next.#has(store));
    await Promise.all(ended.map(({ store }) => store.close(deadlineMs)));
  }

  #has(store: S): boolean {
    return this.opened.some((opened) => opened.store === store);
  }
}
