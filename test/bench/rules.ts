/**
 * rules: what do rules cost per exchange? Ten rules of the guides with their macros, over exchanges as
 * proxies have them (a batch of 512, half ingress, half egress), by the source that the agent uses.
 * An A/A control (the same set once more) stands beside it, and the level alone (an empty set) says
 * what the loop itself costs.
 */
import { ExchangeSource } from '../../src/rules/fields/exchange-source.ts';
import { createVerdict, evaluate, type RuleSet } from '../../src/rules/sets/rule-set.ts';
import { type Row, toBatch } from '../export/rows.ts';
import { factSource, type RuleText, ruleSetOf } from '../rules/rules.ts';
import { machine, versions } from './machine.ts';
import { Flags, type FlagTable } from './options.ts';
import { progress } from './scene.ts';
import { median, quantile, round } from './statistics.ts';

export const FLAGS: FlagTable = {
  exchanges: 'exchanges of one batch (512)',
  rounds: 'measured rounds of each set (40)',
  'round-ms': 'least time of one round (100)',
};

const WARM_UP_ROUNDS = 10;

const MACROS = {
  is_health_check: 'http.req.path == "/health"',
  is_error: 'http.res.status >= 400',
  is_api_backend: 'http.req.path matches /^\\/api\\//',
  is_slow: 'http.res.duration_ms > 500',
  is_service_a: 'http.req.path matches /^\\/api\\/service-a\\//',
  is_external: 'http.req.path matches /^\\/api\\/httpbin\\//',
  is_rate_limited: 'http.res.status == 429 || http.res.status == 503',
  is_retry: 'http.req.headers.retry-after != ""',
  is_backup_dc: 'http.req.url matches /dc2-/',
  is_internal_service: 'http.req.path matches /^\\/api\\/service-[a-z]\\//',
  tenant_b: 'http.req.headers.host matches /^tenant-b\\./',
};

/** Of the guides for HAProxy and Traefik; together they look at everything that those look at. */
const RULES: readonly RuleText[] = [
  { expr: 'is_health_check() && http.res.status == 200', level: 'none' },
  { expr: 'is_health_check() && is_error()', level: 'full' },
  { expr: 'is_service_a()', level: 'summary' },
  { expr: 'is_external() && is_error()', level: 'full' },
  { expr: 'is_slow()', level: 'details' },
  { expr: 'is_rate_limited()', level: 'full' },
  { expr: 'is_retry()', level: 'details' },
  { expr: '!is_backup_dc() && http.res.status >= 500', level: 'full' },
  { expr: 'is_internal_service() && http.res.status >= 400', level: 'full' },
  { expr: 'tenant_b() && is_error() && is_api_backend()', level: 'full' },
];

export async function run(args: readonly string[]): Promise<Record<string, unknown>> {
  const flags = new Flags('rules', FLAGS, args);
  const exchanges = flags.number('exchanges', 512);
  const rounds = flags.number('rounds', 40);
  const roundMs = flags.number('round-ms', 100);
  const sets = {
    rules: ruleSetOf(RULES, { macros: MACROS }),
    control: ruleSetOf(RULES, { macros: MACROS }),
    empty: ruleSetOf([]),
  };
  const rows = exchangeRows(exchanges);
  const figures = measure(sets, rows, rounds, roundMs);
  return {
    usPerExchange: round(median(figures.rules)),
    controlUsPerExchange: round(median(figures.control)),
    emptyUsPerExchange: round(median(figures.empty)),
    rules: RULES.length,
    levels: levelsOf(sets.rules, rows),
    spread: Object.fromEntries(
      Object.entries(figures).map(([name, values]) => [
        name,
        { q1: round(quantile(values, 0.25)), q3: round(quantile(values, 0.75)) },
      ]),
    ),
    options: flags.used,
    versions: versions(),
    machine: machine(),
  };
}

const PATHS = [
  '/api/service-a/users/1000042?expand=orders&limit=50',
  '/api/service-b/orders/77',
  '/api/httpbin/status/404',
  '/static/app.8f3c1b2a.js',
  '/health',
  '/checkout/cart?item=1877&quantity=2',
];

/** One in eight fails, one in twenty is slow; heads have the headers of a browser. */
function exchangeRows(count: number): Row[] {
  return Array.from({ length: count }, (_, index): Row => {
    const target = PATHS[index % PATHS.length];
    const isClient = index % 2 === 1;
    const status = index % 8 === 3 ? 503 : target.endsWith('404') ? 404 : 200;
    const startNs = 1e12 + index * 1e6;
    return {
      client: isClient,
      target,
      headers: [
        ['Host', isClient ? 'backend.internal:9001' : 'shop.example.com:8080'],
        ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0'],
        ['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
        ['Accept-Language', 'en-US,en;q=0.5'],
        ['Accept-Encoding', 'gzip, deflate, br, zstd'],
        ['X-Request-Id', index.toString(16).padStart(32, '0')],
        ['X-Forwarded-For', '203.0.113.77'],
        ['Cookie', 'session=0123456789abcdef0123456789abcdef; theme=dark'],
      ],
      responseHead: `HTTP/1.1 ${status} X\r\nContent-Type: text/html\r\nContent-Length: 5120\r\n\r\n`,
      status,
      remote: isClient ? ['192.168.10.30', 9_001] : ['203.0.113.77', 51_000],
      startNs,
      endNs: startNs + (index % 20 === 7 ? 800e6 : 4e6),
    };
  });
}

function measure<Name extends string>(
  sets: Readonly<Record<Name, RuleSet>>,
  rows: readonly Row[],
  rounds: number,
  roundMs: number,
): Record<Name, number[]> {
  const batch = toBatch(rows);
  const source = new ExchangeSource(factSource());
  source.open(batch);
  const names = Object.keys(sets) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    Name,
    number[]
  >;
  for (let done = -WARM_UP_ROUNDS; done < rounds; done++) {
    for (const name of names) {
      const usPerExchange = timeRound(sets[name], source, batch.count, roundMs);
      if (done >= 0) figures[name].push(usPerExchange);
    }
    if (done % 10 === 0) progress(`round ${done} of ${rounds}`);
  }
  return figures;
}

/** CPU time of this process, garbage collection included. */
function timeRound(set: RuleSet, source: ExchangeSource, rows: number, roundMs: number): number {
  const verdict = createVerdict();
  const begin = process.cpuUsage();
  const startMs = performance.now();
  let count = 0;
  do {
    for (let row = 0; row < rows; row++) {
      source.seek(row);
      evaluate(set, source, verdict);
    }
    count += rows;
  } while (performance.now() - startMs < roundMs);
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / count;
}

/** Proof that the rules decide something: exchanges by level. */
function levelsOf(set: RuleSet, rows: readonly Row[]): Record<string, number> {
  const source = new ExchangeSource(factSource());
  source.open(toBatch(rows));
  const levels: Record<string, number> = {};
  for (let row = 0; row < rows.length; row++) {
    source.seek(row);
    const { level } = evaluate(set, source, createVerdict());
    levels[level] = (levels[level] ?? 0) + 1;
  }
  return levels;
}
