/** Rows whose level asks for it, as records in the object store of their stack. */
import { ExchangeView } from './handoff/batch.ts';
import type { ExchangeBatch } from './handoff/layout.ts';
import type { ObjectStores } from './object-stores.ts';
import type { ChangeReports, DescribedChanges } from './rules/changes/report.ts';
import type { Decisions } from './rules/decide/decisions.ts';
import type { Stack } from './rules/decide/stacks.ts';
import { type BodyForms, bodyFormsOf, type RecordBuilder } from './store/record-builder.ts';
import type { ObjectStage, StoredReferences } from './store/stage.ts';

export interface RecorderParts {
  readonly builder: RecordBuilder;
  readonly changes: ChangeReports;
  /** Rules look into bodies. */
  readonly coversBodies: boolean;
}

export class Recorder {
  readonly #parts: RecorderParts;
  readonly #stacks: readonly Stack[];
  readonly #stores: ObjectStores;
  readonly #view = new ExchangeView();
  #changes: readonly (DescribedChanges | undefined)[] = [];
  #forms: (BodyForms | undefined)[] = [];
  #references: (StoredReferences | undefined)[] = [];

  constructor(parts: RecorderParts, stacks: readonly Stack[], stores: ObjectStores) {
    this.#parts = parts;
    this.#stacks = stacks;
    this.#stores = stores;
  }

  /** Whether a record of this row is wanted, and there is a store for it. */
  isWanted(row: number, { stored, stacks }: Decisions): boolean {
    return stored[row] === 1 && this.#stageOf(stacks[row]) !== undefined;
  }

  /**
   * First, with the heads as they were: what redaction would hide from us. Two values that are
   * masked look the same, and a body is read by a type that a rule may name.
   */
  open(batch: ExchangeBatch, decisions: Decisions): void {
    const isWanted = (row: number) => this.isWanted(row, decisions);
    this.#changes = this.#parts.changes.read(batch, isWanted);
    this.#forms = [];
    if (!this.#parts.coversBodies) return;
    const view = this.#view;
    view.open(batch);
    for (let row = 0; row < batch.count; row++) {
      if (!isWanted(row)) continue;
      view.seek(row);
      this.#forms[row] = bodyFormsOf(view);
    }
  }

  /** Then, `batch` without secrets. Where things are, by row, until the next call. */
  add(batch: ExchangeBatch, decisions: Decisions): readonly (StoredReferences | undefined)[] {
    const { builder } = this.#parts;
    this.#references = [];
    for (let row = 0; row < batch.count; row++) {
      if (!this.isWanted(row, decisions)) continue;
      if (this.#references.length === 0) builder.open(batch);
      const level = decisions.levels[row];
      const input = builder.build(row, level, this.#changes[row], this.#forms[row]);
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
