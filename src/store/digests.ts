/** Keys of bodies that were handed to a store lately: equal ones are not sent again. */
import type { Counters } from '../telemetry/counters.ts';
import { isPackKey } from './keys.ts';

export class RecentDigests {
  /** By the key that the body would have: where it is. */
  readonly #keys = new Map<string, string>();
  readonly #max: number;
  readonly #counters: Counters;

  constructor(max: number, counters: Counters) {
    this.#max = max;
    this.#counters = counters;
  }

  /** Where the body is, which counts as used again; undefined when it is not known. */
  find(key: string): string | undefined {
    const place = this.#keys.get(key);
    if (place === undefined) return undefined;
    this.#keys.delete(key);
    this.#keys.set(key, place);
    return place;
  }

  add(key: string, place: string): void {
    this.#keys.set(key, place);
    if (this.#keys.size <= this.#max) return;
    for (const oldest of this.#keys.keys()) {
      this.#keys.delete(oldest);
      this.#counters.add('store.digests_forgotten');
      return;
    }
  }

  /** The object, or the pack with all that is in it, was dropped after all. */
  forget(key: string): void {
    if (this.#keys.delete(key) || !isPackKey(key)) return;
    for (const [each, place] of this.#keys) {
      if (place.startsWith(`${key}#`)) this.#keys.delete(each);
    }
  }
}
