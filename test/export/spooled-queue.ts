/** Export queues with a spool in a folder of the test's own, and the account of their spans. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { ExportQueue, type QueueLimits } from '../../src/export/queue.ts';
import { SpanSpool } from '../../src/export/span-spool.ts';
import type { Encoding } from '../../src/export/types.ts';
import type { SpoolLimits } from '../../src/spool/spool.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { openSpool } from '../spool/small-spool.ts';
import { FakeTransport, Lines, QUEUE_LIMITS } from './transports.ts';

export interface SpooledOptions {
  readonly transport?: FakeTransport;
  readonly limits?: Partial<QueueLimits>;
  /** Of the spool; left out, it is opened as the agent opens it, with 1 MiB. */
  readonly spoolLimits?: Partial<SpoolLimits>;
  readonly encoding?: Encoding;
  /** Of another queue, as over a reload. */
  readonly spool?: SpanSpool;
}

const SPOOL_BYTES = 1024 * 1024;

/** Closed when the test ends, if not before. */
export async function openQueue(t: TestContext, folder: string, options: SpooledOptions = {}) {
  const transport = options.transport ?? new FakeTransport();
  const counters = new Counters();
  const log = new Lines();
  const limits = { ...QUEUE_LIMITS, ...options.limits };
  const spool = options.spool ?? (await openSpanSpool(folder, counters, log, options.spoolLimits));
  const queue = new ExportQueue({
    transport,
    limits,
    counters,
    log,
    encoding: options.encoding ?? 'protobuf',
    spool,
    random: () => 0.01, // asks again soon
  });
  t.after(() => queue.close());
  return { queue, spool, transport, counters, log };
}

async function openSpanSpool(
  folder: string,
  counters: Counters,
  log: Lines,
  limits: Partial<SpoolLimits> | undefined,
): Promise<SpanSpool> {
  if (limits === undefined) {
    const options = { enabled: true, directory: folder, maxBytes: SPOOL_BYTES, fsync: false };
    return SpanSpool.open(options, counters, log);
  }
  const { spool } = await openSpool(folder, limits);
  return SpanSpool.over(spool, counters, () => undefined);
}

/** A body that says which one it is, padded to so many bytes. */
export function numbered(number: number, lenBytes = 100): Uint8Array {
  return Buffer.from(`${number} `.padEnd(lenBytes, 'x'));
}

export function numbersOf(transport: FakeTransport): number[] {
  return transport.sent.map(({ body }) => Number.parseInt(Buffer.from(body).toString(), 10));
}

/** `made` spans and those found on disk are exported, dropped, or wait in the spool. */
export function assertAccount(counters: Counters, made: number): void {
  const waiting = counters.get('export.spooled') - counters.get('export.unspooled');
  const known = counters.get('export.spans') + counters.total('dropped') + waiting;
  assert.equal(known, made + counters.get('export.spool_found'));
}
