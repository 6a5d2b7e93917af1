/** Events on standard output, in order with everything else that is printed there. */
import type { Counters } from '../../telemetry/counters.ts';
import type { StandardOutput } from '../standard-output.ts';
import { jsonLine } from './json-line.ts';
import type { EventStore, StoreEvent } from './types.ts';

export class StdoutEvents implements EventStore {
  readonly id: string | undefined;
  readonly type = 'stdout';
  readonly #output: StandardOutput;
  readonly #counters: Counters;

  constructor(id: string | undefined, output: StandardOutput, counters: Counters) {
    this.id = id;
    this.#output = output;
    this.#counters = counters;
  }

  add(event: StoreEvent): void {
    const line = jsonLine(event);
    this.#output.add({
      sizeBytes: line.length,
      text: () => line,
      printed: () => this.#counters.add('events.stored'),
      dropped: () => this.#counters.add('dropped.events_stdout'),
    });
  }

  flush(deadlineMs: number): Promise<void> {
    return this.#output.flush(deadlineMs);
  }

  /** The output is shared: its owner ends it, with what still waits. */
  async close(): Promise<void> {}
}
