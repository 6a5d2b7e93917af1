/**
 * A queue of byte strings that outlives the process: a bounded buffer in front of a bounded number
 * of segment files. Appending never waits; what was written (the buffer is written at once, many
 * records a time) survives kill -9 and restarts. Records come out oldest first and are gone when
 * they are acknowledged: delivery is at least once.
 *
 *   append --> buffer --(written)--> segment --take--> out --ack--> done
 *                 \______________take_______________/    \--release--> again
 *
 * While the disk refuses, the buffer keeps what it has and is written again every second; what
 * does not fit is refused by `append`, and the caller counts it.
 */
import type { Server } from 'node:net';
import { SpoolBuffer } from './buffer.ts';
import { Entry, type Place, type SpoolEntry } from './entry.ts';
import { enterFolder, findSegments, segmentPath } from './folder.ts';
import { RECORD_HEADER_BYTES, SEGMENT_HEADER } from './format.ts';
import { rest } from './rest.ts';
import { Segment } from './segment.ts';

export interface SpoolLimits {
  /** Bytes of all segments and of the buffer. */
  readonly bytesMax: number;
  /** Files. */
  readonly segmentsMax: number;
  /** A segment that reached this is closed; one larger record has a segment of its own. */
  readonly segmentBytesMax: number;
  /** Bytes in memory that are not written yet. */
  readonly bufferBytesMax: number;
  /** Larger records are refused. */
  readonly recordBytesMax: number;
}

/**
 * process: written at once, synced when a segment is full and at the end: survives the process,
 * kill -9 included; a power failure may take the last segment. power: synced after each batch.
 */
export type Durability = 'process' | 'power';

export interface SpoolEvents {
  /** Bytes that could not be read back: a torn tail, or a disk that changed them. */
  damaged(bytes: number): void;
  /** The disk refuses; said once until `recovered`. */
  failing(error: Error): void;
  recovered(): void;
}

export interface SpoolOptions {
  readonly limits: SpoolLimits;
  readonly durability: Durability;
  readonly events: SpoolEvents;
}

const DISK_RETRY_MS = 1_000;

export class Spool {
  readonly #folder: string;
  readonly #options: SpoolOptions;
  readonly #lock: Server;
  readonly #segments: Segment[];
  #nextNumber: number;
  #active: Segment | undefined;
  readonly #buffer = new SpoolBuffer();
  readonly #again: Place[] = [];
  readonly #marks: Place[] = [];
  #taking: Promise<unknown> = Promise.resolve();
  #isWorking = false;
  #isDirty = false;
  readonly #idle: (() => void)[] = [];
  #isFailing = false;
  #isClosed = false;
  readonly #wake = new AbortController();

  private constructor(
    folder: string,
    options: SpoolOptions,
    lock: Server,
    segments: Segment[],
    nextNumber: number,
  ) {
    this.#folder = folder;
    this.#options = options;
    this.#lock = lock;
    this.#segments = segments;
    this.#nextNumber = nextNumber;
  }

  /**
   * Takes the folder, with what earlier processes left in it.
   * @throws AgentError when it cannot be used, or another process uses it
   */
  static async open(folder: string, options: SpoolOptions): Promise<Spool> {
    const { lock, found } = await enterFolder(folder, () =>
      findSegments(folder, options.limits.recordBytesMax),
    );
    if (found.damagedBytes > 0) options.events.damaged(found.damagedBytes);
    return new Spool(folder, options, lock, found.segments, found.next);
  }

  /** Bytes in files and in the buffer; what is done counts until its segment is gone. */
  get bytes(): number {
    return this.#segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, this.#buffer.bytes);
  }

  get segments(): number {
    return this.#segments.length;
  }

  /** Whether `take` may have something. */
  get hasWaiting(): boolean {
    return (
      this.#again.length > 0 ||
      this.#segments.some((segment) => segment.hasMore) ||
      this.#buffer.firstUntaken() !== undefined
    );
  }

  /** Whether the disk refuses; until it does not, nothing more survives the process. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  hasRoom(payloadBytes: number): boolean {
    const { limits } = this.#options;
    const bytes = payloadBytes + RECORD_HEADER_BYTES;
    // Every record that is not written yet may begin a segment.
    const headerBytes = SEGMENT_HEADER.length * (this.#buffer.records + 1);
    return (
      !this.#isClosed &&
      payloadBytes <= limits.recordBytesMax &&
      this.#buffer.bytes + bytes <= limits.bufferBytesMax &&
      this.bytes + bytes + headerBytes <= limits.bytesMax
    );
  }

  /** False, and nothing kept, when there is no room. The bytes belong to the spool from now on. */
  append(payload: Uint8Array): boolean {
    return this.#add(payload, 'waiting') !== undefined;
  }

  /** Appends what is already under way: it comes out again only after `release` or a restart. */
  insure(payload: Uint8Array): SpoolEntry | undefined {
    return this.#add(payload, 'out');
  }

  /** The oldest record that waits; undefined when there is none. */
  take(): Promise<SpoolEntry | undefined> {
    const taken = this.#taking.then(() => this.#take());
    this.#taking = taken.catch(() => undefined);
    return taken;
  }

  /**
   * Shows the first bytes of each record that earlier processes left, before any of them is taken;
   * those that a read fails on are left out.
   */
  survey(prefixBytes: number, show: (prefix: Uint8Array) => void): Promise<void> {
    const found = [...this.#segments];
    const surveyed = this.#taking.then(async () => {
      for (const segment of found) await segment.survey(prefixBytes, show).catch(() => undefined);
    });
    this.#taking = surveyed;
    return surveyed;
  }

  /** Resolves when all that was appended is in files, or the disk refuses it. */
  async written(): Promise<void> {
    if (!this.#isWorking || this.#isFailing) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Writes what it can and ends; what is left in memory is lost and returned. */
  async close(): Promise<Uint8Array[]> {
    this.#isClosed = true;
    this.#wake.abort();
    await this.#taking;
    if (this.#isWorking) await new Promise<void>((resolve) => this.#idle.push(resolve));
    const { left } = this.#buffer;
    for (const segment of this.#segments) {
      await segment.sync().catch(() => undefined);
      await segment.close().catch(() => undefined);
    }
    await new Promise<void>((resolve) => this.#lock.close(() => resolve()));
    return left.map(({ payload }) => payload);
  }

  #add(payload: Uint8Array, state: 'waiting' | 'out'): Entry | undefined {
    if (!this.hasRoom(payload.length)) return undefined;
    const entry = new Entry(payload, state, this);
    this.#buffer.add(entry);
    this.#kick();
    return entry;
  }

  async #take(): Promise<SpoolEntry | undefined> {
    if (this.#isClosed) return undefined;
    for (let place = this.#again.shift(); place !== undefined; place = this.#again.shift()) {
      const payload = await place.segment.readAgain(place.offset).catch(() => undefined);
      if (payload !== undefined) return new Entry(payload, 'out', this, place);
      this.#options.events.damaged(RECORD_HEADER_BYTES);
      this.done(place);
    }
    for (const segment of [...this.#segments]) {
      const entry = await this.#takeFrom(segment);
      if (entry !== undefined) return entry;
    }
    const waiting = this.#buffer.firstUntaken();
    if (waiting !== undefined) waiting.state = 'out';
    return waiting;
  }

  async #takeFrom(segment: Segment): Promise<Entry | undefined> {
    const result = await segment
      .next()
      .catch(() => ({ kind: 'torn', bytes: segment.giveUp() }) as const);
    if (result.kind === 'record') {
      return new Entry(result.payload, 'out', this, { segment, offset: result.offset });
    }
    if (result.kind === 'torn') this.#options.events.damaged(result.bytes);
    if (segment.isFinished) this.#kick();
    return undefined;
  }

  /** Of an entry: it need not come out again. */
  done(place: Place | undefined): void {
    if (place === undefined) return;
    place.segment.unresolved.delete(place.offset);
    this.#marks.push(place);
    this.#kick();
  }

  /** Of an entry: it is to come out again. */
  again(place: Place): void {
    this.#again.push(place);
  }

  #kick(): void {
    this.#isDirty = true;
    if (this.#isWorking) return;
    this.#isWorking = true;
    void this.#doWork();
  }

  async #doWork(): Promise<void> {
    await Promise.resolve(); // what is appended in one turn is one batch
    while (this.#isDirty) {
      this.#isDirty = false;
      await this.#markAll();
      await this.#removeFinished();
      if (this.#buffer.first() === undefined) continue;
      try {
        // Without room for a file more it goes on when one is gone.
        if (!(await this.#writeBatch())) continue;
        this.#recover();
      } catch (error) {
        this.#fail(error instanceof Error ? error : new Error(String(error)));
        if (this.#isClosed) break;
        await rest(DISK_RETRY_MS, this.#wake.signal);
      }
      this.#isDirty = true;
    }
    this.#isWorking = false;
    this.#settled();
  }

  #settled(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #markAll(): Promise<void> {
    for (const { segment, offset } of this.#marks.splice(0)) {
      if (segment.isFinished || !this.#segments.includes(segment)) continue;
      // Unmarked it comes out once more after a restart, which at least once allows.
      await segment.markDone(offset).catch(() => undefined);
    }
  }

  async #removeFinished(): Promise<void> {
    const active = this.#active;
    if (active !== undefined && !active.hasMore && active.unresolved.size === 0) {
      active.isSealed = true;
      this.#active = undefined;
    }
    for (const segment of this.#segments.filter((each) => each.isFinished)) {
      this.#segments.splice(this.#segments.indexOf(segment), 1);
      await segment.remove().catch(() => undefined);
    }
  }

  /** False when there may be no more files. */
  async #writeBatch(): Promise<boolean> {
    const segment = await this.#segmentFor(this.#buffer.first()?.payload.length ?? 0);
    if (segment === undefined) return false;
    const batch = this.#buffer.beginWriting(
      this.#options.limits.segmentBytesMax - segment.sizeBytes,
    );
    try {
      const payloads = batch.map(({ payload }) => payload);
      await segment.append(payloads, (offsets) => this.#settle(segment, offsets));
    } catch (error) {
      this.#buffer.undoWriting();
      await this.#seal(segment);
      throw error;
    }
    if (this.#options.durability === 'power') await segment.sync();
    return true;
  }

  /** The entries that were being written are in the file now. */
  #settle(segment: Segment, offsets: readonly number[]): void {
    this.#buffer.endWriting((entry, index) => {
      const offset = offsets[index] ?? 0;
      const end = offset + RECORD_HEADER_BYTES + entry.payload.length;
      if (entry.state !== 'waiting') segment.taken.set(offset, end);
      if (entry.state === 'out') {
        segment.unresolved.add(offset);
        entry.place = { segment, offset };
      } else if (entry.state === 'done') this.#marks.push({ segment, offset });
    });
  }

  async #segmentFor(payloadBytes: number): Promise<Segment | undefined> {
    const { segmentBytesMax, segmentsMax, recordBytesMax } = this.#options.limits;
    const active = this.#active;
    const bytes = payloadBytes + RECORD_HEADER_BYTES;
    if (active !== undefined && active.sizeBytes + bytes <= segmentBytesMax) return active;
    if (active !== undefined) await this.#seal(active);
    if (this.#segments.length >= segmentsMax) return undefined;
    const path = segmentPath(this.#folder, this.#nextNumber++);
    const segment = await Segment.create(path, recordBytesMax);
    this.#segments.push(segment);
    this.#active = segment;
    return segment;
  }

  async #seal(segment: Segment): Promise<void> {
    segment.isSealed = true;
    if (this.#active === segment) this.#active = undefined;
    await segment.sync().catch(() => undefined);
  }

  #fail(error: Error): void {
    if (!this.#isFailing) this.#options.events.failing(error);
    this.#isFailing = true;
    if (!this.#isClosed) this.#settled();
  }

  #recover(): void {
    if (this.#isFailing) this.#options.events.recovered();
    this.#isFailing = false;
  }
}
