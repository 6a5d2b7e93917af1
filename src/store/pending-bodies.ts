/**
 * Bodies of exchanges that are not decided yet: whether they are to be stored is known only when
 * the exchange has ended. All of them are held in memory up to a bound, then in files up to
 * another; beyond that a body is cut, marked and counted.
 *
 *   start --add--> memory --(bound)--> file --hold, by number--> read | discard
 */
import { limits } from '../config/limits.ts';
import type { BodyKeeper } from '../handoff/captured-body.ts';
import { heldBodiesOf } from '../handoff/held-columns.ts';
import type { ExchangeBatch } from '../handoff/layout.ts';
import type { Counters } from '../telemetry/counters.ts';
import { PendingBody } from './pending-body.ts';
import type { PendingFile } from './pending-file.ts';
import { PendingFiles } from './pending-files.ts';
import { PendingMemory } from './pending-memory.ts';

export interface PendingLimits {
  /** Of all bodies, with what is on its way to the disk. */
  readonly memoryBytesMax: number;
  readonly diskBytesMax: number;
  readonly filesMax: number;
}

/** Of the memory: what is on its way to the disk, at most. */
const WRITE_SHARE = 1 / 4;

export class PendingBodies implements BodyKeeper {
  readonly memory: PendingMemory;
  readonly counters: Counters;
  readonly #limits: PendingLimits;
  readonly #writeBytesMax: number;
  #files: PendingFiles | undefined;
  readonly #held = new Map<number, PendingBody>();
  /** Held ones that somebody wants to read: they stay when their batch comes back. */
  readonly #wanted = new Set<number>();
  #reading = 0;
  #number = 0;
  #onEmpty: () => void = () => undefined;

  constructor(bounds: PendingLimits, counters: Counters) {
    this.#limits = bounds;
    this.counters = counters;
    const share = Math.floor(bounds.memoryBytesMax * WRITE_SHARE);
    this.#writeBytesMax = Math.min(share, limits.pendingBodyWriteBytesMax);
    this.memory = new PendingMemory(bounds.memoryBytesMax - this.#writeBytesMax);
  }

  /**
   * From now on what does not fit into memory goes to files in `folder`.
   * @throws AgentError when it cannot be used, or another process uses it
   */
  async useFolder(folder: string): Promise<void> {
    const bounds = { ...this.#limits, writeBytesMax: this.#writeBytesMax };
    this.#files = await PendingFiles.open(folder, bounds, this.counters);
  }

  get memoryBytes(): number {
    return this.memory.usedBytes + (this.#files?.writeBytes ?? 0);
  }

  get diskBytes(): number {
    return this.#files?.diskBytes ?? 0;
  }

  get files(): number {
    return this.#files?.count ?? 0;
  }

  /** Much waits for the disk: its writes should get a moment before more comes. */
  get isBehind(): boolean {
    return this.#files !== undefined && this.#files.writeBytes > this.#writeBytesMax / 4;
  }

  /** Bodies that nobody has decided about yet. */
  get held(): number {
    return this.#held.size + this.#reading;
  }

  start(bytesMax: number, lenBytes: number): PendingBody {
    return new PendingBody(this, bytesMax, lenBytes);
  }

  /** Of a body: see CapturedBody. */
  hold(body: PendingBody): number {
    do {
      this.#number = (this.#number + 1) >>> 0 || 1;
    } while (this.#held.has(this.#number));
    this.#held.set(this.#number, body);
    return this.#number;
  }

  /** Of a body: a file for what does not fit into memory; null: there is none, or too many. */
  createFile(): PendingFile | null {
    return this.#files?.create() ?? null;
  }

  /** Its batch may come back before it is read. */
  want(number: number): void {
    if (this.#held.has(number)) this.#wanted.add(number);
  }

  /**
   * The exchange is decided: the body is wanted. Nothing is held any more. Empty when it is not
   * there, shorter than it was when the disk refused it.
   */
  async read(number: number): Promise<Uint8Array<ArrayBuffer>> {
    const body = this.#take(number);
    if (body === undefined) return new Uint8Array(0);
    this.#reading++;
    const bytes = await body.read();
    this.#reading--;
    this.#checkEmpty();
    return bytes;
  }

  /** The exchange is decided: the body is not wanted. */
  discard(number: number): void {
    const body = this.#take(number);
    if (body === undefined) return;
    this.counters.add('store.pending_discarded');
    body.discard();
    this.#checkEmpty();
  }

  /** A batch came back, or nobody gets it: of its bodies those stay that are wanted. */
  discardOf(batch: ExchangeBatch): void {
    if (this.#held.size === 0) return;
    for (const { number } of heldBodiesOf(batch)) {
      if (!this.#wanted.has(number)) this.discard(number);
    }
  }

  /** Resolves when nothing is held. */
  async settled(): Promise<void> {
    if (this.held === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** Deletes what nobody decided about, and leaves the folder. */
  async close(): Promise<void> {
    for (const number of this.#held.keys()) this.discard(number);
    await this.#files?.close();
  }

  #take(number: number): PendingBody | undefined {
    const body = this.#held.get(number);
    this.#held.delete(number);
    this.#wanted.delete(number);
    return body;
  }

  #checkEmpty(): void {
    if (this.held === 0) this.#onEmpty();
  }
}
