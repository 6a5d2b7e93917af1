/**
 * A batch without secrets: the heads of chosen rows are written anew behind the bytes that are
 * there, and the rows point to them. Whatever comes after (spans, records, events, the terminal)
 * reads these and cannot tell what was in the others. Rules were asked before: they see everything.
 */

import { HeadLines } from '../../handoff/head-lines.ts';
import { KNOWN_HEADERS } from '../../handoff/known-headers.ts';
import { type ExchangeBatch, U32, U32_COLUMNS } from '../../handoff/layout.ts';
import type { Redaction } from './redaction.ts';

const KNOWN = KNOWN_HEADERS.map((name) => Buffer.from(name));

export class BatchRedaction {
  readonly #redaction: Redaction;
  readonly #lines = new HeadLines();
  #heads: Buffer[] = [];
  /** Where the next head comes to lie in `bytes`. */
  #end = 0;

  constructor(redaction: Redaction) {
    this.#redaction = redaction;
  }

  /**
   * The batch as it may be seen. Changes the columns of `batch`: nobody may read its heads by them
   * any more. The same batch when no row is wanted.
   */
  apply(batch: ExchangeBatch, isWanted: (row: number) => boolean): ExchangeBatch {
    this.#heads = [];
    this.#end = batch.bytes.length;
    for (let row = 0; row < batch.count; row++) if (isWanted(row)) this.#redactRow(batch, row);
    if (this.#heads.length === 0) return batch;
    const bytes = new Uint8Array(this.#end);
    bytes.set(batch.bytes);
    let at = batch.bytes.length;
    for (const head of this.#heads) {
      bytes.set(head, at);
      at += head.length;
    }
    this.#heads = [];
    return { count: batch.count, f64: batch.f64, u32: batch.u32, bytes };
  }

  #redactRow(batch: ExchangeBatch, row: number): void {
    const { u32 } = batch;
    const u = row * U32_COLUMNS;
    const request = this.#redactHead(batch, u + U32.requestHeadOffset, true);
    if (request !== undefined) this.#noteKnown(request, u32, u);
    this.#redactHead(batch, u + U32.responseHeadOffset, false);
  }

  #redactHead({ u32, bytes }: ExchangeBatch, column: number, isRequest: boolean) {
    const lenBytes = u32[column + 1];
    if (lenBytes === 0) return undefined;
    const head = Buffer.from(bytes.buffer, bytes.byteOffset + u32[column], lenBytes);
    const redacted = this.#redaction.head(head, isRequest);
    u32[column] = this.#end;
    u32[column + 1] = redacted.length;
    this.#end += redacted.length;
    this.#heads.push(redacted);
    return redacted;
  }

  /** As the parser noted them: where each value lies in the head; 0, 0 when it is absent. */
  #noteKnown(head: Buffer, u32: Uint32Array, u: number): void {
    const lines = this.#lines;
    lines.read(head, 0, head.length);
    for (const [slot, name] of KNOWN.entries()) {
      const line = lines.find(head, name, 0);
      const at = u + U32.known + 2 * slot;
      u32[at] = line < 0 ? 0 : lines.valueStart(head, line);
      u32[at + 1] = line < 0 ? 0 : lines.valueEnd(head, line);
    }
  }
}
