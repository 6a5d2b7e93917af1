/**
 * metrics: what does counting cost per exchange? A batch of 512, half ingress, half egress, with the
 * paths, servers and statuses of a busy proxy; without exemplars, and with one for every exchange.
 */
import { HttpMetrics, type MetricRows } from '../../src/export/metrics/http-metrics.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { type Row, toBatch } from '../export/rows.ts';
import { fixedClock } from '../export/stage.ts';
import { machine, versions } from './machine.ts';
import { Flags, type FlagTable } from './options.ts';
import { progress } from './scene.ts';
import { median, quantile, round } from './statistics.ts';

export const FLAGS: FlagTable = {
  exchanges: 'exchanges of one batch (512)',
  servers: 'upstream servers (8)',
  rounds: 'measured rounds of each way (40)',
  'round-ms': 'least time of one round (100)',
};

const WARM_UP_ROUNDS = 10;

const WAYS = {
  counted: { isCounted: () => true, isKept: () => false },
  exemplified: { isCounted: () => true, isKept: () => true },
} satisfies Record<string, MetricRows>;
type Way = keyof typeof WAYS;

export async function run(args: readonly string[]): Promise<Record<string, unknown>> {
  const flags = new Flags('metrics', FLAGS, args);
  const batch = toBatch(hopRows(flags.number('exchanges', 512), flags.number('servers', 8)));
  const rounds = flags.number('rounds', 40);
  const roundMs = flags.number('round-ms', 100);
  const service = { attributes: { 'service.name': 'nginx' } };
  const metrics = new HttpMetrics({
    resourceOf: () => service,
    clock: fixedClock(),
    counters: new Counters(),
  });
  const figures: Record<Way, number[]> = { counted: [], exemplified: [] };
  for (let done = -WARM_UP_ROUNDS; done < rounds; done++) {
    for (const way of Object.keys(WAYS) as Way[]) {
      const usPerExchange = timeRound(() => metrics.add(batch, WAYS[way]), batch.count, roundMs);
      if (done >= 0) figures[way].push(usPerExchange);
    }
    if (done % 10 === 0) progress(`round ${done} of ${rounds}`);
  }
  return {
    usPerExchange: round(median(figures.counted)),
    exemplifiedUsPerExchange: round(median(figures.exemplified)),
    series: metrics.collect()[0]?.metrics.map(({ name, points }) => [name, points.length]),
    spread: {
      q1: round(quantile(figures.counted, 0.25)),
      q3: round(quantile(figures.counted, 0.75)),
    },
    options: flags.used,
    versions: versions(),
    machine: machine(),
  };
}

/** One in eight fails. */
function hopRows(count: number, servers: number): Row[] {
  return Array.from({ length: count }, (_, index): Row => {
    const isClient = index % 2 === 1;
    const host = isClient ? `backend-${index % servers}.internal:9001` : 'shop.example.com:8080';
    return {
      client: isClient,
      hop: 1 + (index >> 1),
      ownNs: isClient ? -1 : 60_000,
      target: `/api/service-a/users/${index}?expand=orders&limit=50`,
      headers: [
        ['Host', host],
        ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0'],
        ['X-Forwarded-Proto', 'https'],
      ],
      status: index % 8 === 3 ? 503 : 200,
    };
  });
}

/** CPU time of this process, garbage collection included. */
function timeRound(add: () => void, rows: number, roundMs: number): number {
  const begin = process.cpuUsage();
  const startMs = performance.now();
  let count = 0;
  do {
    add();
    count += rows;
  } while (performance.now() - startMs < roundMs);
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / count;
}
