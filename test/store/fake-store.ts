/** A store that answers as told, and writers in front of it. */
import { after } from 'node:test';
import type { ObjectStore, PutResult, RetryResult, StoredObject } from '../../src/store/types.ts';
import { ObjectWriter, type WriterLimits, type WriterParts } from '../../src/store/writer.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { Lines } from './options.ts';

export const STORED: PutResult = { kind: 'stored' };
export const AWAY: RetryResult = {
  kind: 'retry',
  reason: 'connection refused',
  isDenied: false,
  afterMs: undefined,
};
export const DENIED: RetryResult = { ...AWAY, reason: '403 AccessDenied', isDenied: true };

export class FakeStore implements ObjectStore {
  readonly target = 'fake';
  /** Decides every answer; a promise keeps the write under way. */
  answer: (object: StoredObject) => PutResult | Promise<PutResult> = () => STORED;
  readonly stored = new Map<string, string>();
  attempts = 0;
  underWay = 0;
  mostUnderWay = 0;
  isClosed = false;

  async put(object: StoredObject, signal: AbortSignal): Promise<PutResult> {
    this.attempts++;
    this.underWay++;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    const aborted = new Promise<PutResult>((resolve) => {
      if (signal.aborted) resolve(AWAY);
      signal.addEventListener('abort', () => resolve(AWAY), { once: true });
    });
    const result = await Promise.race([this.answer(object), aborted]);
    this.underWay--;
    if (result.kind === 'stored') {
      this.stored.set(object.key, Buffer.from(object.bytes).toString());
    }
    return result;
  }

  uriOf(key: string): string {
    return `fake://${key}`;
  }

  urlOf(): undefined {}

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

export const LIMITS: WriterLimits = {
  queueBytesMax: 100_000,
  requestsMax: 4,
  objectBytesMax: 10_000,
  spoolDelayMs: 100,
};

export const RETRY = {
  enabled: true,
  initialIntervalMs: 10,
  maxIntervalMs: 40,
  maxElapsedTimeMs: 60_000,
};

export function writerOf(
  store: ObjectStore,
  more: Partial<Omit<WriterParts, 'limits'>> & { limits?: Partial<WriterLimits> } = {},
) {
  const counters = new Counters();
  const log = new Lines();
  const { limits, ...parts } = more;
  const writer = new ObjectWriter({
    store,
    spool: undefined,
    retry: RETRY,
    counters,
    log,
    ...parts,
    limits: { ...LIMITS, ...limits },
  });
  writers.push(writer);
  return { writer, counters, log };
}

/** A test that failed leaves its writer at work. */
const writers: ObjectWriter[] = [];
after(async () => {
  for (const writer of writers) await writer.close(0);
});

export function objectOf(key: string, content = key): StoredObject {
  return {
    key,
    bytes: Buffer.from(content),
    contentType: 'text/plain',
    isContentAddressed: false,
  };
}

/** Resolves when the condition holds; whatever makes it true happens elsewhere. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
