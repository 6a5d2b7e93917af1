/**
 * Rows whose level asks for it, as records in the object store of their stack. Bodies that did not
 * cross with their batch are read one row after the other.
 */
import type { HeldBodies } from './handoff/held-bodies.ts';
import { hasHeldBody } from './handoff/held-columns.ts';
import type { ExchangeBatch } from './handoff/layout.ts';
import type { ObjectStores } from './object-stores.ts';
import type { Decisions } from './rules/decide/decisions.ts';
import type { Stack } from './rules/decide/stacks.ts';
import { LEVELS } from './rules/types.ts';
import type { Changes, RecordBuilder } from './store/record-builder.ts';
import type { ObjectStage, StoredReferences } from './store/stage.ts';

export type References = readonly (StoredReferences | undefined)[];
type ChangesOf = (row: number) => Changes | undefined;

const FULL = LEVELS.indexOf('full');

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
   * `batch` without secrets. Where things are, by row, until the next call, which waits for this one;
   * `changesOf` gives what the proxy changed, `bodies` what did not cross with the batch.
   */
  add(
    batch: ExchangeBatch,
    decisions: Decisions,
    changesOf: ChangesOf,
    bodies?: HeldBodies,
  ): References | Promise<References> {
    this.#references = [];
    this.#builder.open(batch);
    for (let row = 0; row < batch.count; row++) {
      if (!this.isWanted(row, decisions)) continue;
      if (bodies !== undefined && isFull(row, decisions) && hasHeldBody(batch, row))
        return this.#addFrom(row, batch, decisions, changesOf, bodies);
      this.#record(row, decisions, changesOf);
    }
    return this.#references;
  }

  /** The rest of the batch from a row on that has to wait for its bodies. */
  async #addFrom(
    first: number,
    batch: ExchangeBatch,
    decisions: Decisions,
    changesOf: ChangesOf,
    bodies: HeldBodies,
  ): Promise<References> {
    for (let row = first; row < batch.count; row++) {
      if (!this.isWanted(row, decisions)) continue;
      const held = isFull(row, decisions) ? bodies.readRow(batch, row) : undefined;
      if (held !== undefined) this.#builder.open(batch, await held);
      this.#record(row, decisions, changesOf);
    }
    return this.#references;
  }

  /** Asked anew each time: over a reload a store may be replaced. */
  #stageOf(stack: number): ObjectStage | undefined {
    const { objectStore } = this.#stacks[stack].capture;
    return objectStore.isDisabled ? undefined : this.#stores.find(objectStore.id);
  }

  #record(row: number, { levels, stacks, text }: Decisions, changesOf: ChangesOf): void {
    const input = this.#builder.build(row, levels[row], changesOf(row));
    const stage = this.#stageOf(stacks[row]);
    this.#references[row] = stage?.add(input, text[row] === 1 ? 'text' : 'json');
  }
}

function isFull(row: number, { levels }: Decisions): boolean {
  return levels[row] === FULL;
}
