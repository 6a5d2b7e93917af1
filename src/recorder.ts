/** Rows whose level asks for it, as records in the object store of their stack. */
import type { ExchangeBatch } from './handoff/layout.ts';
import type { ObjectStores } from './object-stores.ts';
import type { Decisions } from './rules/decide/decisions.ts';
import type { Stack } from './rules/decide/stacks.ts';
import type { Changes, RecordBuilder } from './store/record-builder.ts';
import type { ObjectStage, StoredReferences } from './store/stage.ts';

export class Recorder {
  readonly #builder: RecordBuilder;
  readonly #stacks: readonly Stack[];
  readonly #stores: ObjectStores;
  #references: (StoredReferences | undefined)[] = [];

  constructor(builder: RecordBuilder, stacks: readonly Stack[], stores: ObjectStores) {
    this.#builder = builder;
    this.#stacks = stacks;
    this.#stores = stores;
  }

  /** Whether a record of this row is wanted, and there is a store for it. */
  isWanted(row: number, { stored, stacks }: Decisions): boolean {
    return stored[row] === 1 && this.#stageOf(stacks[row]) !== undefined;
  }

  /**
   * `batch` without secrets. Where things are, by row, until the next call; `changesOf` gives what
   * the proxy changed.
   */
  add(
    batch: ExchangeBatch,
    decisions: Decisions,
    changesOf: (row: number) => Changes | undefined,
  ): readonly (StoredReferences | undefined)[] {
    this.#references = [];
    for (let row = 0; row < batch.count; row++) {
      if (!this.isWanted(row, decisions)) continue;
      if (this.#references.length === 0) this.#builder.open(batch);
      const input = this.#builder.build(row, decisions.levels[row], changesOf(row));
      const stage = this.#stageOf(decisions.stacks[row]);
      this.#references[row] = stage?.add(input, decisions.text[row] === 1 ? 'text' : 'json');
    }
    return this.#references;
  }

  /** Asked anew each time: over a reload a store may be replaced. */
  #stageOf(stack: number): ObjectStage | undefined {
    const { objectStore } = this.#stacks[stack].capture;
    return objectStore.isDisabled ? undefined : this.#stores.find(objectStore.id);
  }
}
