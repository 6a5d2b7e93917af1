/**
 * Rows whose level asks for it, as records in the object store of their stack. Bodies that did not
 * cross with their batch are read one row after the other.
 */
import type { ArtifactNotes } from './artifact-notes.ts';
import { RANK } from './config/levels.ts';
import { ExchangeView } from './handoff/batch.ts';
import type { HeldBodies } from './handoff/held-bodies.ts';
import { hasHeldBody } from './handoff/held-columns.ts';
import type { ExchangeBatch } from './handoff/layout.ts';
import type { ObjectStores } from './object-stores.ts';
import type { ChangeReports, DescribedChanges } from './rules/changes/report.ts';
import type { Decisions } from './rules/decide/decisions.ts';
import type { Stack } from './rules/decide/stacks.ts';
import { type BodyForms, bodyFormsOf, type RecordBuilder } from './store/record-builder.ts';
import type { ObjectStage, StoredReferences } from './store/stage.ts';

export type References = readonly (StoredReferences | undefined)[];

export interface RecorderParts {
  readonly builder: RecordBuilder;
  readonly changes: ChangeReports;
  /** Rules look into bodies. */
  readonly coversBodies: boolean;
  readonly notes: Pick<ArtifactNotes, 'tell'>;
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
  isWanted(row: number, { stored, stacks, levels }: Decisions): boolean {
    if (stored[row] === 0) return false;
    const stage = this.#stageOf(stacks[row]);
    return stage !== undefined && (stage.takesSummaries || levels[row] >= RANK.details);
  }

  /**
   * First, with the heads as they were: what redaction would hide from us. Two values that are
   * masked look the same, and a body is read by a type that a rule may name.
   */
  open(batch: ExchangeBatch, decisions: Decisions): void {
    const isWanted = (row: number) => this.isWanted(row, decisions);
    // Headers are no part of a summary, nor what became of them.
    const hasChanges = (row: number) => decisions.levels[row] >= RANK.details && isWanted(row);
    this.#changes = this.#parts.changes.read(batch, hasChanges);
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

  /**
   * Then, `batch` without secrets. Where things are, by row, until the next call, which waits for this
   * one; `bodies`: what did not cross with the batch.
   */
  add(
    batch: ExchangeBatch,
    decisions: Decisions,
    bodies?: HeldBodies,
  ): References | Promise<References> {
    this.#references = [];
    this.#parts.builder.open(batch);
    for (let row = 0; row < batch.count; row++) {
      if (!this.isWanted(row, decisions)) continue;
      if (bodies !== undefined && isFull(row, decisions) && hasHeldBody(batch, row)) {
        return this.#addFrom(row, batch, decisions, bodies);
      }
      this.#record(row, decisions);
    }
    return this.#references;
  }

  /** The rest of the batch from a row on that has to wait for its bodies. */
  async #addFrom(
    first: number,
    batch: ExchangeBatch,
    decisions: Decisions,
    bodies: HeldBodies,
  ): Promise<References> {
    for (let row = first; row < batch.count; row++) {
      if (!this.isWanted(row, decisions)) continue;
      const held = isFull(row, decisions) ? bodies.readRow(batch, row) : undefined;
      if (held !== undefined) this.#parts.builder.open(batch, await held);
      this.#record(row, decisions);
    }
    return this.#references;
  }

  #record(row: number, { levels, stacks, text }: Decisions): void {
    const { builder, notes } = this.#parts;
    const { id } = this.#stacks[stacks[row]].capture.objectStore;
    const input = builder.build(row, levels[row], this.#changes[row], this.#forms[row]);
    const stage = this.#stageOf(stacks[row]);
    if (stage === undefined) return;
    const stored = stage.add(input, text[row] === 1 ? 'text' : 'json');
    this.#references[row] = stored;
    notes.tell(id, input, stored);
  }

  /** Asked anew each time: over a reload a store may be replaced. */
  #stageOf(stack: number): ObjectStage | undefined {
    const { objectStore } = this.#stacks[stack].capture;
    return objectStore.isDisabled ? undefined : this.#stores.find(objectStore.id);
  }
}

function isFull(row: number, { levels }: Decisions): boolean {
  return levels[row] === RANK.full;
}
