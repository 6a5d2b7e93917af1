/**
 * endless-exporter.ts FOLDER PROTOCOL PORT FIRST: exports hops of two spans, numbered from FIRST on,
 * with a spool, and says up to which number all are on disk or arrived. FIRST `none`: sends what the
 * spool holds, says how many it found, exported and dropped, and ends.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Protocol } from '../../src/export/choose.ts';
import { ALL_HEADERS, createExporter } from '../../src/export/create.ts';
import { readExportSettings } from '../../src/export/settings.ts';
import { SpanSpool } from '../../src/export/span-spool.ts';
import { openSpool } from '../../src/spool/open.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { kept } from './decided.ts';
import { type Row, toBatch } from './rows.ts';
import { fixedClock } from './stage.ts';

const [folder = '', protocol = '', port = '', first = ''] = process.argv.slice(2);
const HOPS_PER_ROUND = 30;

process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${port}`;
const counters = new Counters();
const log = createLog({ level: 'silent', encoding: 'console' });
const options = { enabled: true, directory: folder, maxBytes: 64 * 1024 * 1024, fsync: false };
const disk = await openSpool(options, {
  what: 'spans',
  recordBytesMax: 1024 * 1024,
  counters,
  log,
  names: { failed: 'export.spool_failed', damagedBytes: 'export.spool_damaged_bytes' },
});
const isSurveyed = Promise.withResolvers<void>();
const spool = SpanSpool.over(disk, counters, () => undefined);
const onMore = () => isSurveyed.resolve();
spool.join(onMore);
await isSurveyed.promise;
const exporter = createExporter(
  { kinds: ['otlp'], protocol: protocol as Protocol, reason: '' },
  {
    headers: ALL_HEADERS,
    settings: readExportSettings({
      OTEL_TRACES_SAMPLER: 'always_on',
      OTEL_BSP_SCHEDULE_DELAY: '5',
    }),
    resourceOf: () => ({ attributes: { 'service.name': 'endless' } }),
    clock: fixedClock(),
    counters,
    log,
    out: process.stderr,
    env: process.env,
    spool,
  },
);

function hop(number: number): Row[] {
  const spanId = (half: number) => (number * 2 + half + 1).toString(16).padStart(16, '0');
  return [0, 1].map((half) => ({ hop: number + 1, client: half === 1, spanId: spanId(half) }));
}

/** Spans of this run that are no longer in memory alone. */
const safe = () => counters.get('export.spans') + spool.spans - counters.get('export.spool_found');

async function fill(from: number): Promise<never> {
  for (let number = from; ; ) {
    const rows = Array.from({ length: HOPS_PER_ROUND }, () => hop(number++)).flat();
    exporter.add(...kept(toBatch(rows)));
    while (safe() < (number - from) * 2) await delay(2);
    await disk.written();
    process.stdout.write(`${number}\n`);
  }
}

if (first === 'none') {
  while (spool.spans > 0) await delay(2);
  await exporter.close(5_000);
  await spool.leave(onMore);
  const names = ['export.spool_found', 'export.spans'] as const;
  process.stdout.write(`${names.map((name) => counters.get(name)).join(' ')} `);
  process.stdout.write(`${counters.total('dropped')}\n`);
} else await fill(Number(first));
