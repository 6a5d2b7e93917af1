/**
 * Export requests on disk, with the account of their spans: those that came in (`export.spooled`,
 * what an earlier process left included) and those that were exported or dropped since
 * (`export.unspooled`). The difference waits.
 */
import { limits } from '../config/limits.ts';
import { CodedSpool, type Found, type ValueSpool } from '../spool/coded-spool.ts';
import type { SpoolEntry } from '../spool/entry.ts';
import { openSpool, type SpoolFolderOptions } from '../spool/open.ts';
import type { Spool } from '../spool/spool.ts';
import { AgentError } from '../telemetry/agent-error.ts';
import type { ComplaintLog } from '../telemetry/complaint.ts';
import type { Counters } from '../telemetry/counters.ts';
import { RECORD_PREFIX_BYTES, REQUESTS, type SpooledBody, spansOf } from './spool-record.ts';

const NAMES = {
  failed: 'export.spool_failed',
  kept: 'export.spooled',
  full: 'export.spool_full',
  damagedBytes: 'export.spool_damaged_bytes',
} as const;

/** What a user says of it, filled in. */
export interface SpanSpoolOptions extends SpoolFolderOptions {
  /** Asked for by name: the agent does not start without it. */
  readonly isRequired: boolean;
}

/**
 * undefined: spans wait in memory only.
 * @throws AgentError when a spool that was asked for cannot be used
 */
export async function openSpanSpool(
  options: SpanSpoolOptions,
  counters: Counters,
  log: ComplaintLog,
): Promise<SpanSpool | undefined> {
  if (!options.enabled) return undefined;
  try {
    return await SpanSpool.open(options, counters, log);
  } catch (error) {
    if (options.isRequired || !(error instanceof AgentError)) throw error;
    counters.add('export.spool_failed');
    log.warn(`${error.message}; spans wait in memory only`);
    return undefined;
  }
}

export class SpanSpool implements ValueSpool<SpooledBody> {
  readonly #spool: Spool;
  readonly #requests: CodedSpool<SpooledBody>;
  readonly #counters: Counters;
  #spans = 0;
  /** Entries that were taken or insured and are under way; `take` calls that go on. */
  #out = 0;
  #taking = 0;
  #isSurveyed = false;
  /** Told that there is something to take. Over a reload, two queues share one spool. */
  readonly #queues = new Set<() => void>();

  private constructor(spool: Spool, counters: Counters) {
    this.#spool = spool;
    this.#requests = new CodedSpool(spool, REQUESTS, counters, NAMES);
    this.#counters = counters;
  }

  /** @throws AgentError when the directory cannot be used, or another process uses it */
  static async open(
    options: SpoolFolderOptions,
    counters: Counters,
    log: ComplaintLog,
  ): Promise<SpanSpool> {
    const spool = await openSpool(options, {
      what: 'spans',
      recordBytesMax: limits.exportQueueBytesMax + RECORD_PREFIX_BYTES,
      counters,
      log,
      names: NAMES,
    });
    return SpanSpool.over(spool, counters, (found) =>
      log.info(`spool ${options.directory}: ${found} spans of an earlier run are sent now`),
    );
  }

  /** `onFound`: told how many spans an earlier process left, if any. */
  static over(spool: Spool, counters: Counters, onFound: (spans: number) => void): SpanSpool {
    const own = new SpanSpool(spool, counters);
    void own.#survey(onFound);
    return own;
  }

  /** Spans that are neither exported nor dropped, those under way included. */
  get spans(): number {
    return this.#spans;
  }

  get hasWaiting(): boolean {
    return this.#isSurveyed && this.#spool.hasWaiting;
  }

  /** For a queue: `onMore` is called when what others left may be taken. */
  join(onMore: () => void): void {
    this.#queues.add(onMore);
    if (this.#isSurveyed) onMore();
  }

  /** What the queue left is for the others; the last one ends the spool. Returns spans lost by that. */
  async leave(onMore: () => void): Promise<number> {
    this.#queues.delete(onMore);
    if (this.#queues.size === 0) return this.#close();
    this.#tellAll();
    return 0;
  }

  append(request: SpooledBody): boolean {
    const isKept = this.#requests.append(request);
    if (isKept) this.#spans += request.spans;
    return isKept;
  }

  insure(request: SpooledBody): SpoolEntry | undefined {
    const entry = this.#requests.insure(request);
    if (entry === undefined) return undefined;
    this.#spans += request.spans;
    return this.#accounted(entry, request);
  }

  async take(): Promise<Found<SpooledBody> | undefined> {
    this.#taking++;
    const found = await this.#requests.take();
    this.#taking--;
    if (found !== undefined) {
      return { value: found.value, entry: this.#accounted(found.entry, found.value) };
    }
    this.#writeOff();
    return undefined;
  }

  /** Out of the spool until it is exported or dropped, or is to come out again. */
  #accounted(entry: SpoolEntry, { spans }: SpooledBody): SpoolEntry {
    this.#out++;
    return {
      payload: entry.payload,
      ack: () => {
        entry.ack();
        this.#out--;
        this.#leave(spans);
        this.#writeOff();
      },
      release: () => {
        entry.release();
        this.#out--;
      },
    };
  }

  #tellAll(): void {
    for (const onMore of this.#queues) onMore();
  }

  /** Returns how many spans could not be written. */
  async #close(): Promise<number> {
    const lost = (await this.#spool.close()).reduce((sum, payload) => sum + spansOf(payload), 0);
    this.#leave(lost);
    return lost;
  }

  #leave(spans: number): void {
    this.#spans -= spans;
    this.#counters.add('export.unspooled', spans);
  }

  /** Nothing is left to come out: what is still on the account could not be read back. */
  #writeOff(): void {
    if (this.#spans === 0 || this.#out + this.#taking > 0 || !this.#isSurveyed) return;
    if (this.#spool.hasWaiting) return;
    this.#counters.add('dropped.spool_damaged', this.#spans);
    this.#leave(this.#spans);
  }

  /** What an earlier process left is counted before any of it comes out. */
  async #survey(onFound: (spans: number) => void): Promise<void> {
    let found = 0;
    await this.#spool.survey(RECORD_PREFIX_BYTES, (prefix) => {
      found += spansOf(prefix);
    });
    this.#spans += found;
    this.#counters.add('export.spooled', found);
    this.#counters.add('export.spool_found', found);
    if (found > 0) onFound(found);
    this.#isSurveyed = true;
    this.#tellAll();
  }
}
