/** Records on standard output: the guides' text, or a line of JSON with the bodies in it. */
import { limits } from '../config/limits.ts';
import type { StoreContext } from './open-writer.ts';
import { sizeOf } from './printer.ts';
import { buildRecord } from './record.ts';
import type { RecordInput } from './record-input.ts';
import { recordText } from './record-text.ts';
import {
  NOTHING_STORED,
  type ObjectStage,
  type RecordFormat,
  type StoredReferences,
} from './stage.ts';
import { StandardOutput } from './standard-output.ts';

export class StdoutStage implements ObjectStage {
  readonly id: string | undefined;
  readonly type = 'stdout';
  readonly takesSummaries = true;
  readonly #context: StoreContext;
  readonly #output: StandardOutput;

  /** Whatever else prints shares `context.output`. */
  constructor(id: string | undefined, context: StoreContext) {
    this.id = id;
    this.#context = context;
    this.#output =
      context.output ??
      new StandardOutput({ bytesMax: limits.stdoutQueueBytesMax, log: context.log });
  }

  add(input: RecordInput, format: RecordFormat): StoredReferences {
    const { counters } = this.#context;
    this.#output.add({
      sizeBytes: sizeOf(input),
      text: () =>
        format === 'text'
          ? recordText(input, counters)
          : `${JSON.stringify(buildRecord(input, Date.now(), 'inline'))}\n`,
      printed: () => counters.add('store.printed'),
      dropped: () => counters.add('dropped.store_stdout'),
    });
    return NOTHING_STORED;
  }

  flush(deadlineMs: number): Promise<void> {
    return this.#output.flush(deadlineMs);
  }

  /** An output that is shared goes on; its owner ends it, with what still waits. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#context.output === undefined) await this.#output.close(deadlineMs);
  }
}
