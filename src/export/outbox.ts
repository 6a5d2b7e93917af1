/**
 * Requests that wait to be sent: in memory within bounds, on disk behind that when there is a
 * spool. What was pushed and is not accepted after the spool delay, under way or not, is on disk:
 * that delay is what kill -9 can take of it.
 */
import type { SpoolEntry } from '../spool/entry.ts';
import type { SpanSpool } from './span-spool.ts';
import type { Encoding } from './types.ts';

export interface OutboxLimits {
  readonly spansMax: number;
  readonly bytesMax: number;
  /** After this time it is on disk. */
  readonly spoolDelayMs: number;
}

export interface OutboxParts {
  readonly limits: OutboxLimits;
  /** Of the bodies that are pushed. */
  readonly encoding: Encoding;
  /** undefined: requests wait in memory only. */
  readonly spool?: SpanSpool | undefined;
  /** Takes bodies that are of no use any more. */
  readonly release?: (body: Uint8Array) => void;
}

export interface Request {
  readonly body: Uint8Array;
  readonly spans: number;
  readonly encoding: Encoding;
  /** On the monotonic clock; of what comes from disk, when it was read. */
  readonly bornMs: number;
  attempts: number;
  /** Its body goes back when it is done. */
  readonly isPushed: boolean;
  /** Counts against the bounds of memory: pushed, and not on disk. */
  isCounted: boolean;
  /** Its place in the spool. */
  entry: SpoolEntry | undefined;
}

export class Outbox {
  readonly #parts: OutboxParts;
  /** Called when something moved to disk. */
  readonly #onSpilled: () => void;
  readonly #waiting: Request[] = [];
  readonly #underWay = new Set<Request>();
  #spans = 0;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #isTaking = false;
  #isSpoolsTurn = false;
  #isClosed = false;

  constructor(parts: OutboxParts, onSpilled: () => void) {
    this.#parts = parts;
    this.#onSpilled = onSpilled;
  }

  /** Spans and bytes in memory that are not on disk: waiting or under way. */
  get spans(): number {
    return this.#spans;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Requests that were taken and are not done, one that is being read included. */
  get underWay(): number {
    return this.#underWay.size + Number(this.#isTaking);
  }

  get isEmpty(): boolean {
    return this.#waiting.length + this.underWay === 0;
  }

  /** Whether as much more would still fit, if need be with what is there moved to disk. */
  hasRoom(spans: number, bytes: number): boolean {
    if (this.#fits(spans, bytes)) return true;
    this.#spill(0);
    return this.#fits(spans, bytes);
  }

  push(body: Uint8Array, spans: number): void {
    this.#spans += spans;
    this.#bytes += body.length;
    const { encoding } = this.#parts;
    const bornMs = performance.now();
    const place = { isPushed: true, isCounted: true, entry: undefined };
    this.#waiting.push({ body, spans, encoding, bornMs, attempts: 0, ...place });
    this.#schedule();
  }

  /** Hands one out, at once or when it was read; false when there is none. */
  take(start: (request: Request | undefined) => void): boolean {
    // Memory and disk by turns, so that neither waits for the other's end.
    this.#isSpoolsTurn = !this.#isSpoolsTurn;
    if (this.#isSpoolsTurn && this.#takeSpooled(start)) return true;
    const request = this.#waiting.shift();
    if (request === undefined) return this.#takeSpooled(start);
    this.#underWay.add(request);
    start(request);
    return true;
  }

  /** Accepted, or given up. */
  done(request: Request): void {
    const { entry, spans } = request;
    if (entry !== undefined) this.#parts.spool?.settle(entry, spans);
    this.#forget(request);
  }

  /** Keeps on disk what is to be sent again; false when there is no room, or no spool. */
  keep(request: Request): boolean {
    const { spool } = this.#parts;
    if (spool === undefined) return false;
    if (request.entry !== undefined) spool.release(request.entry);
    else if (!spool.append(request)) return false;
    this.#forget(request);
    return true;
  }

  /** Back to memory, before the others. */
  putBack(request: Request): void {
    this.#underWay.delete(request);
    this.#waiting.unshift(request);
    this.#schedule();
  }

  /** Everything to the disk; what waits and finds no room there is returned. */
  close(): Request[] {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#spill(0);
    return this.#waiting.splice(0);
  }

  #fits(spans: number, bytes: number): boolean {
    const { spansMax, bytesMax } = this.#parts.limits;
    return this.#spans + spans <= spansMax && this.#bytes + bytes <= bytesMax;
  }

  #takeSpooled(start: (request: Request | undefined) => void): boolean {
    const { spool } = this.#parts;
    if (spool === undefined || this.#isTaking || !spool.hasWaiting) return false;
    this.#isTaking = true;
    void spool.take().then((found) => {
      this.#isTaking = false;
      if (found !== undefined && this.#isClosed) spool.release(found.entry);
      if (found === undefined || this.#isClosed) return start(undefined);
      const place = { isPushed: false, isCounted: false };
      const request = { ...found, bornMs: performance.now(), attempts: 0, ...place };
      this.#underWay.add(request);
      start(request);
    });
    return true;
  }

  /** It is of no use in memory any more. */
  #forget(request: Request): void {
    this.#underWay.delete(request);
    this.#uncount(request);
    if (request.isPushed) this.#parts.release?.(request.body);
  }

  #uncount(request: Request): void {
    if (!request.isCounted) return;
    request.isCounted = false;
    this.#spans -= request.spans;
    this.#bytes -= request.body.length;
  }

  #schedule(): void {
    const { spool, limits } = this.#parts;
    if (spool === undefined || this.#isClosed) return;
    // Looked at twice within the delay, so that nothing is older than it.
    const intervalMs = limits.spoolDelayMs / 2;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#spill(intervalMs);
      if (this.#spans > 0) this.#schedule();
      this.#onSpilled();
    }, intervalMs);
  }

  /** Puts on disk what was pushed so long ago, as far as there is room. */
  #spill(ageMs: number): void {
    const { spool } = this.#parts;
    if (spool === undefined) return;
    const beforeMs = performance.now() - ageMs;
    for (const request of this.#underWay) {
      if (request.entry !== undefined || request.bornMs > beforeMs) continue;
      request.entry = spool.insure(request);
      if (request.entry === undefined) return;
      // Its body stays in memory, as that of any request under way that came from disk.
      this.#uncount(request);
    }
    let count = 0;
    for (const request of this.#waiting) {
      if (request.bornMs > beforeMs || !spool.append(request)) break;
      this.#forget(request);
      count++;
    }
    this.#waiting.splice(0, count);
  }
}
