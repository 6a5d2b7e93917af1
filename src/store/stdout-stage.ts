/** Records on standard output: the guides' text, or a line of JSON with the bodies in it. */
import { limits } from '../config/limits.ts';
import { writeText } from './descriptor.ts';
import type { StoreContext } from './open-writer.ts';
import { Printer } from './printer.ts';
import { buildRecord } from './record.ts';
import type { RecordInput } from './record-input.ts';
import { recordText } from './record-text.ts';
import {
  NOTHING_STORED,
  type ObjectStage,
  type RecordFormat,
  type StoredReferences,
} from './stage.ts';

const STDOUT = 1;

export class StdoutStage implements ObjectStage {
  readonly id: string | undefined;
  readonly type = 'stdout';
  readonly #context: StoreContext;
  readonly #fd: number;
  readonly #printer = new Printer(limits.stdoutQueueBytesMax);
  #isGone = false;

  constructor(id: string | undefined, context: StoreContext, fd = STDOUT) {
    this.id = id;
    this.#context = context;
    this.#fd = fd;
  }

  add(input: RecordInput, format: RecordFormat): StoredReferences {
    const isTaken = this.#printer.add(input, () => this.#print(input, format));
    if (!isTaken) this.#context.counters.add('dropped.store_stdout');
    return NOTHING_STORED;
  }

  flush(deadlineMs: number): Promise<void> {
    return this.#printer.flush(deadlineMs);
  }

  close(deadlineMs: number): Promise<void> {
    return this.flush(deadlineMs);
  }

  async #print(input: RecordInput, format: RecordFormat): Promise<void> {
    const { counters, log } = this.#context;
    try {
      const text =
        format === 'text'
          ? await recordText(input, counters)
          : `${JSON.stringify(buildRecord(input, Date.now(), 'inline'))}\n`;
      await writeText(this.#fd, text);
      counters.add('store.printed');
    } catch (error) {
      counters.add('dropped.store_stdout');
      if (this.#isGone) return;
      this.#isGone = true;
      const reason = error instanceof Error ? error.message : String(error);
      log.warn(`standard output: ${reason}; records are not printed any more`);
    }
  }
}
