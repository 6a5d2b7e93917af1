/**
 * Standard output, shared by everything that prints to it: texts come out whole and in the order in
 * which they were added. Whoever adds never waits; beyond the bound texts are dropped, and whoever
 * reads may be slow or gone.
 */

import { within } from '../spool/rest.ts';
import { messageOf } from '../telemetry/agent-error.ts';
import { writeText } from './descriptor.ts';
import type { StoreLog } from './types.ts';

export interface Print {
  /** What is held until it is printed, about. */
  readonly sizeBytes: number;
  /** Called when its turn comes; a promise holds up what was added later. */
  text(): string | Promise<string>;
  printed(): void;
  dropped(): void;
}

export interface StandardOutputParts {
  readonly bytesMax: number;
  readonly log: StoreLog;
  /** File descriptor; 1 when left out. */
  readonly fd?: number;
}

const STDOUT = 1;
/** Texts that are ready leave in one write, up to about so many characters. */
const WRITE_CHARACTERS = 64 * 1024;
/** A write that blocks does not hear that it is to end. */
const STUCK_MS = 500;

export class StandardOutput {
  readonly #bytesMax: number;
  readonly #log: StoreLog;
  readonly #fd: number;
  #waiting: Print[] = [];
  #bytes = 0;
  #running: Promise<void> | undefined;
  readonly #abort = new AbortController();
  #isGone = false;

  constructor({ bytesMax, log, fd = STDOUT }: StandardOutputParts) {
    this.#bytesMax = bytesMax;
    this.#log = log;
    this.#fd = fd;
  }

  add(print: Print): void {
    if (this.#abort.signal.aborted) return print.dropped();
    if (this.#bytes > 0 && this.#bytes + print.sizeBytes > this.#bytesMax) return print.dropped();
    this.#bytes += print.sizeBytes;
    this.#waiting.push(print);
    this.#running ??= this.#run();
  }

  /** Resolves when all is printed, or the deadline passed. */
  async flush(deadlineMs: number): Promise<void> {
    if (this.#running !== undefined) await within(deadlineMs, this.#running);
  }

  /** `flush`; what is left, and what comes later, is dropped. */
  async close(deadlineMs: number): Promise<void> {
    await this.flush(deadlineMs);
    if (this.#running === undefined) return this.#abort.abort();
    this.#isGone = true;
    this.#log.warn('standard output: its reader is too slow; what is left is not printed');
    this.#abort.abort();
    await within(STUCK_MS, this.#running);
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const prints = this.#waiting;
      this.#waiting = [];
      for (let at = 0; at < prints.length; ) at = await this.#printFrom(prints, at);
    }
    this.#running = undefined;
  }

  /** Prints as many as fit into one write; returns the index behind them. */
  async #printFrom(prints: readonly Print[], first: number): Promise<number> {
    const made: Print[] = [];
    let text = '';
    let at = first;
    for (; at < prints.length && text.length < WRITE_CHARACTERS; at++) {
      const print = prints[at];
      const part = this.#abort.signal.aborted ? undefined : await this.#make(print);
      if (part === undefined) this.#end(print, false);
      else {
        text += part;
        made.push(print);
      }
    }
    const isWritten = made.length === 0 || (await this.#write(text));
    for (const print of made) this.#end(print, isWritten);
    return at;
  }

  async #make(print: Print): Promise<string | undefined> {
    try {
      const text = print.text();
      return typeof text === 'string' ? text : await text;
    } catch (error) {
      this.#log.warn(`standard output: ${messageOf(error)}; this is not printed`);
      return undefined;
    }
  }

  async #write(text: string): Promise<boolean> {
    try {
      await writeText(this.#fd, text, this.#abort.signal);
      return true;
    } catch (error) {
      if (!this.#isGone) {
        this.#log.warn(`standard output: ${messageOf(error)}; nothing is printed any more`);
      }
      this.#isGone = true;
      return false;
    }
  }

  #end(print: Print, isPrinted: boolean): void {
    this.#bytes -= print.sizeBytes;
    if (isPrinted) print.printed();
    else print.dropped();
  }
}
