/** What rules and sampling decided about the rows of a batch, in columns like the batch itself. */

/** Columns by row. Filled anew for each batch: whoever keeps something copies it. */
export interface Decisions {
  /** Index into LEVELS. 0, none: neither span nor record. */
  readonly levels: Uint8Array;
  /** 1: the span is exported. The same for all rows of a hop. */
  readonly kept: Uint8Array;
  /** 1: a record is made, at its level, where the store takes those of that level. */
  readonly stored: Uint8Array;
  /** 1: the record is text, else JSON. */
  readonly text: Uint8Array;
  /** Index into the stacks of the decider. */
  readonly stacks: Uint8Array;
  /** `th` of tracestate; '' where what tracestate says of it, or does not say, holds. */
  readonly thresholds: readonly string[];
}

/** Room for decisions that grows with the batches. */
export class DecisionColumns implements Decisions {
  levels = new Uint8Array(0);
  kept = new Uint8Array(0);
  stored = new Uint8Array(0);
  text = new Uint8Array(0);
  stacks = new Uint8Array(0);
  readonly thresholds: string[] = [];

  /** Everything is 0 and '' for `rows` rows. */
  reset(rows: number): void {
    if (rows > this.levels.length) this.#grow(Math.max(rows, 2 * this.levels.length));
    for (const column of [this.levels, this.kept, this.stored, this.text, this.stacks]) {
      column.fill(0, 0, rows);
    }
    for (let row = 0; row < rows; row++) this.thresholds[row] = '';
  }

  #grow(rows: number): void {
    this.levels = new Uint8Array(rows);
    this.kept = new Uint8Array(rows);
    this.stored = new Uint8Array(rows);
    this.text = new Uint8Array(rows);
    this.stacks = new Uint8Array(rows);
  }
}
