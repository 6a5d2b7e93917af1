/**
 * Batches on the main thread, one after the other: one that waits for its bodies holds those behind
 * it. The worker bounds how many may be under way (limits.handoffBatchesMax).
 */
import type { ExchangeBatch } from './handoff/layout.ts';

export interface BatchLineOptions {
  /** Reads the batch; a promise when that takes until it resolves. */
  readonly read: (batch: ExchangeBatch) => Promise<void> | undefined;
  /** The batch was read; nobody looks at it any more. */
  readonly done: (batch: ExchangeBatch) => void;
}

export class BatchLine {
  readonly #options: BatchLineOptions;
  readonly #waiting: ExchangeBatch[] = [];
  /** The batch that is being read, and all of them; undefined: none is. */
  #reading: Promise<void> | undefined;
  #busy: Promise<void> | undefined;

  constructor(options: BatchLineOptions) {
    this.#options = options;
  }

  add(batch: ExchangeBatch): void {
    if (this.#busy !== undefined) {
      this.#waiting.push(batch);
      return;
    }
    this.#reading = this.#options.read(batch);
    if (this.#reading === undefined) this.#options.done(batch);
    else this.#busy = this.#finish(batch);
  }

  /** Resolves when the batch that is being read now is done. */
  async pause(): Promise<void> {
    await this.#reading;
  }

  /** Resolves when all that was added is done. */
  async settled(): Promise<void> {
    await this.#busy;
  }

  async #finish(first: ExchangeBatch): Promise<void> {
    await this.#reading;
    this.#options.done(first);
    for (let batch = this.#waiting.shift(); batch !== undefined; batch = this.#waiting.shift()) {
      this.#reading = this.#options.read(batch);
      await this.#reading;
      this.#options.done(batch);
    }
    this.#reading = undefined;
    this.#busy = undefined;
  }
}
