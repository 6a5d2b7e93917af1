/**
 * The main thread's hand on bodies that did not cross with their row: the capture worker holds
 * them, in memory or in a file, until they are read. When a batch is given back, those of its bodies
 * that nobody asked for are deleted.
 *
 *     const read = isFull(row) ? bodies.readRow(batch, row) : undefined;
 *     if (read !== undefined) view.open(batch, await read);
 *     thread.returnBatch(batch);
 *
 * One row after the other: all bodies of a batch may be more than fits into memory.
 */
import { limits } from '../config/limits.ts';
import { heldBodiesOfRow } from './held-columns.ts';
import type { ExchangeBatch } from './layout.ts';

export type BodyMessage =
  /** It is wanted, and stays when its batch comes back. */
  | { readonly kind: 'want-body'; readonly number: number }
  /** The worker answers with its bytes. */
  | { readonly kind: 'read-body'; readonly number: number };

export interface BodyBytesMessage {
  readonly kind: 'body';
  readonly number: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

interface Read {
  readonly number: number;
  readonly keptBytes: number;
  readonly resolve: (bytes: Buffer) => void;
}

export class HeldBodies {
  readonly #send: (message: BodyMessage) => void;
  readonly #waiting: Read[] = [];
  readonly #underWay = new Map<number, Read>();
  #underWayBytes = 0;
  #hasEnded = false;

  constructor(send: (message: BodyMessage) => void) {
    this.#send = send;
  }

  /**
   * Takes a body: it is held no longer. To be called before its batch is given back. The bytes are
   * fewer than `keptBytes` (as the row says) when the disk refused some, and none when the body is
   * not there any more: it is truncated then. Few cross at a time (limits.bodyReadBytesMax).
   */
  read(number: number, keptBytes: number): Promise<Buffer> {
    return new Promise((resolve) => {
      const read = { number, keptBytes, resolve };
      if (this.#hasEnded) resolve(Buffer.alloc(0));
      else if (this.#waiting.length === 0 && this.#hasRoomFor(read)) this.#start(read);
      else {
        this.#send({ kind: 'want-body', number });
        this.#waiting.push(read);
      }
    });
  }

  /** The bodies of one row by their number, for ExchangeView; undefined when none is held. */
  readRow(batch: ExchangeBatch, row: number): Promise<ReadonlyMap<number, Buffer>> | undefined {
    const held = heldBodiesOfRow(batch, row);
    if (held.length === 0) return undefined;
    const reads = held.map(
      async ({ number, keptBytes }) => [number, await this.read(number, keptBytes)] as const,
    );
    return Promise.all(reads).then((read) => new Map(read));
  }

  /** The worker's answer. */
  receive({ number, bytes }: BodyBytesMessage): void {
    const read = this.#underWay.get(number);
    if (read === undefined) return;
    this.#underWay.delete(number);
    this.#underWayBytes -= read.keptBytes;
    read.resolve(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    while (this.#waiting.length > 0 && this.#hasRoomFor(this.#waiting[0])) {
      const next = this.#waiting.shift();
      if (next !== undefined) this.#start(next);
    }
  }

  /** The worker is gone, and what it held. */
  end(): void {
    this.#hasEnded = true;
    const reads = [...this.#underWay.values(), ...this.#waiting.splice(0)];
    this.#underWay.clear();
    for (const { resolve } of reads) resolve(Buffer.alloc(0));
  }

  #hasRoomFor({ keptBytes }: Read): boolean {
    if (this.#underWay.size === 0) return true;
    return this.#underWayBytes + keptBytes <= limits.bodyReadBytesMax;
  }

  #start(read: Read): void {
    this.#underWay.set(read.number, read);
    this.#underWayBytes += read.keptBytes;
    this.#send({ kind: 'read-body', number: read.number });
  }
}
