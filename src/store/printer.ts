/**
 * Work on records done one after the other, off the main path: bodies are decoded by the thread
 * pool, and whoever takes the text may be slow. Bounded by what waits.
 */

import { within } from '../spool/rest.ts';
import type { RecordInput } from './record-input.ts';

/** Beside bodies and headers. */
const RECORD_BYTES = 512;

export class Printer {
  readonly #bytesMax: number;
  #bytes = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Runs `print` when its turn comes; it must not reject. False when too much waits. */
  add(input: RecordInput, print: () => Promise<void>): boolean {
    const sizeBytes = sizeOf(input);
    if (this.#bytes > 0 && this.#bytes + sizeBytes > this.#bytesMax) return false;
    this.#bytes += sizeBytes;
    this.#last = this.#last.then(print).finally(() => {
      this.#bytes -= sizeBytes;
    });
    return true;
  }

  /** Resolves when all is printed, or the deadline passed. */
  async flush(deadlineMs: number): Promise<void> {
    await within(deadlineMs, this.#last);
  }
}

/** What a record holds in memory, about. */
export function sizeOf({ request, response }: RecordInput): number {
  const headers = [...request.headers, ...(response?.headers ?? [])];
  const bodies = [request.body, response?.body];
  return (
    RECORD_BYTES +
    headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0) +
    bodies.reduce((sum, body) => sum + (body?.bytes.length ?? 0), 0)
  );
}
