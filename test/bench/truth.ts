/**
 * Ground truth of links: what the load generator and the backends wrote about each token (which
 * the agent never sees), joined with the spans that the agent exported.
 *
 * An egress exchange is found by 4-tuple, ordinal and time: the backend read the request between
 * the start and the end of the proxy's CLIENT span. Ports are reused by new connections, so time
 * decides between exchanges with the same key.
 */
import { readFileSync } from 'node:fs';
import { type BenchSpan, CLIENT, SERVER } from './otlp.ts';

/** One struct truth_record of load/load.h. Times: CLOCK_MONOTONIC ns. */
export interface Truth {
  /** 16 bytes as latin1. */
  readonly token: string;
  readonly timeNs: number;
  readonly ordinal: number;
  readonly clientPort: number;
  readonly serverPort: number;
  readonly status: number;
  readonly durationNs: number;
}

export const RECORD_BYTES = 40;

/**
 * How far outside its span a backend's clock reading may lie: spans begin at the return of the
 * write, and a proxy that is preempted inside it returns after the backend has read.
 */
export const TOLERANCE_NS = 100e6;

export function readTruth(file: string): Truth[] {
  return parseTruth(readFileSync(file));
}

export function parseTruth(bytes: Buffer): Truth[] {
  const records: Truth[] = [];
  for (let at = 0; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
    records.push({
      token: bytes.toString('latin1', at, at + 16),
      timeNs: bytes.readUInt32LE(at + 20) * 2 ** 32 + bytes.readUInt32LE(at + 16),
      ordinal: bytes.readUInt32LE(at + 24),
      clientPort: bytes.readUInt16LE(at + 28),
      serverPort: bytes.readUInt16LE(at + 30),
      status: bytes.readUInt32LE(at + 32),
      durationNs: bytes.readUInt32LE(at + 36) * 1000,
    });
  }
  return records;
}

/**
 * The requests as nginx itself wrote them down (ACCESS_LOG in proxies.ts): its own name of the
 * request, client port, ordinal on the connection, end and duration. Used when requests carry no
 * token at all.
 */
export function parseAccessLog(text: string, proxyPort: number, wallOffsetNs: number): Truth[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [name = '', port, ordinal, endSeconds, seconds] = line.split(' ');
    const durationNs = Number(seconds) * 1e9;
    return {
      token: tokenOf(name),
      timeNs: Number(endSeconds) * 1e9 - wallOffsetNs - durationNs,
      ordinal: Number(ordinal),
      clientPort: Number(port),
      serverPort: proxyPort,
      status: 0,
      durationNs,
    };
  });
}

/** 32 hex digits as they lie in a truth record: two little-endian words. */
function tokenOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  return bytes.swap64().toString('latin1');
}

export interface LinkInput {
  /** By the load generator: one per request. */
  readonly requests: readonly Truth[];
  /** By the backends: one per egress exchange. */
  readonly egress: readonly Truth[];
  readonly spans: readonly BenchSpan[];
  /** Unix time minus CLOCK_MONOTONIC, ns. */
  readonly wallOffsetNs: number;
}

export interface TierFigures {
  linked: number;
  wrong: number;
  abstained: number;
}

export interface LinkFigures {
  egress: number;
  linked: number;
  wrong: number;
  abstained: number;
  missed: number;
  coverage: number;
  byTier: Record<string, TierFigures>;
  /** Requests of which every egress is linked, and their share. */
  complete: number;
  completeness: number;
  /** Among `wrong`: the parent is a span that was never exported. */
  parentMissing: number;
  ingress: number;
  ingressMissed: number;
  /** CLIENT and SERVER spans that no truth accounts for. */
  extraSpans: number;
  /** Egress truth whose token no request carried: the harness is broken, nothing is scored. */
  strangers: number;
  resent: number;
  /** Wrong links in words, the first few. */
  examples: string[];
}

const EXAMPLES_MAX = 5;

export function scoreLinks(input: LinkInput): LinkFigures {
  const requests = new Map(input.requests.map((request) => [request.token, request]));
  const servers = input.spans.filter((span) => span.kind === SERVER);
  const clients = input.spans.filter((span) => span.kind === CLIENT);
  const serverById = new Map(servers.map((span) => [span.spanId, span]));
  const egressSpans = claim(input.egress, clients, input.wallOffsetNs);
  const ingressSpans = claim(input.requests, servers, input.wallOffsetNs);
  const figures = emptyFigures(input, clients, servers, egressSpans, ingressSpans);
  const correctByToken = new Map<string, number>();
  const egressByToken = new Map<string, number>();

  for (const truth of input.egress) {
    const request = requests.get(truth.token);
    if (request === undefined) {
      figures.strangers++;
      continue;
    }
    figures.egress++;
    increment(egressByToken, truth.token);
    const span = egressSpans.get(truth);
    if (span === undefined) {
      figures.missed++;
      continue;
    }
    const tier = tierOf(figures, span.tier);
    if (span.parentId === '') {
      figures.abstained++;
      tier.abstained++;
      continue;
    }
    const parent = serverById.get(span.parentId);
    if (parent !== undefined && parent === ingressSpans.get(request)) {
      figures.linked++;
      tier.linked++;
      increment(correctByToken, truth.token);
      continue;
    }
    figures.wrong++;
    tier.wrong++;
    if (parent === undefined) figures.parentMissing++;
    if (figures.examples.length < EXAMPLES_MAX) {
      figures.examples.push(describeWrong(truth, request, span, parent));
    }
  }
  for (const [token, count] of egressByToken) {
    if (correctByToken.get(token) === count) figures.complete++;
  }
  figures.coverage = figures.linked / figures.egress;
  figures.completeness = figures.complete / egressByToken.size;
  return figures;
}

function emptyFigures(
  input: LinkInput,
  clients: readonly BenchSpan[],
  servers: readonly BenchSpan[],
  egressSpans: ReadonlyMap<Truth, BenchSpan>,
  ingressSpans: ReadonlyMap<Truth, BenchSpan>,
): LinkFigures {
  return {
    egress: 0,
    linked: 0,
    wrong: 0,
    abstained: 0,
    missed: 0,
    coverage: 0,
    byTier: {},
    complete: 0,
    completeness: 0,
    parentMissing: 0,
    ingress: input.requests.length,
    ingressMissed: input.requests.length - ingressSpans.size,
    extraSpans: clients.length - egressSpans.size + servers.length - ingressSpans.size,
    strangers: 0,
    resent: clients.filter((span) => span.resendCount > 0).length,
    examples: [],
  };
}

/**
 * Gives each truth the span with its ports and ordinal (or of unknown ordinal) whose interval
 * holds its time; what is left then takes the nearest one within the tolerance. A span is given
 * once.
 */
function claim(
  truths: readonly Truth[],
  spans: readonly BenchSpan[],
  wallOffsetNs: number,
): Map<Truth, BenchSpan> {
  const byKey = Map.groupBy(
    spans.toSorted((a, b) => a.startNs - b.startNs),
    spanKey,
  );
  const claimed = new Map<Truth, BenchSpan>();
  const taken = new Set<BenchSpan>();
  for (const toleranceNs of [0, TOLERANCE_NS]) {
    for (const truth of truths) {
      if (claimed.has(truth)) continue;
      const ports = `${truth.clientPort}>${truth.serverPort}`;
      for (const key of [`${ports}#${truth.ordinal}`, `${ports}#0`]) {
        const span = nearest(byKey.get(key) ?? [], taken, truth, wallOffsetNs, toleranceNs);
        if (span === undefined) continue;
        taken.add(span);
        claimed.set(truth, span);
        break;
      }
    }
  }
  return claimed;
}

/** Client port, server port, ordinal: of a CLIENT span the local end is the client's. */
function spanKey(span: BenchSpan): string {
  const [client, server] =
    span.kind === CLIENT ? [span.localPort, span.peerPort] : [span.peerPort, span.localPort];
  return `${client}>${server}#${span.exchange}`;
}

/** `spans` of one connection, by start: exchanges of a connection follow one another. */
function nearest(
  spans: readonly BenchSpan[],
  taken: ReadonlySet<BenchSpan>,
  truth: Truth,
  wallOffsetNs: number,
  toleranceNs: number,
): BenchSpan | undefined {
  const fromNs = truth.timeNs + wallOffsetNs;
  const latestNs = fromNs + truth.durationNs + toleranceNs;
  let best: BenchSpan | undefined;
  let bestNs = Number.POSITIVE_INFINITY;
  for (let index = firstAfter(spans, latestNs) - 1; index >= 0; index--) {
    const span = spans[index] as BenchSpan;
    if (span.endNs < fromNs - toleranceNs) break;
    const distance = distanceNs(span, truth, wallOffsetNs);
    if (distance < bestNs && !taken.has(span)) {
      best = span;
      bestNs = distance;
    }
  }
  return best;
}

/** Index of the first span that starts after `timeNs`. */
function firstAfter(spans: readonly BenchSpan[], timeNs: number): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((spans[middle] as BenchSpan).startNs <= timeNs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** 0 when the truth's interval (a moment, at a backend) touches the span's. */
function distanceNs(span: BenchSpan, truth: Truth, wallOffsetNs: number): number {
  const from = truth.timeNs + wallOffsetNs;
  const to = from + truth.durationNs;
  if (to < span.startNs) return span.startNs - to;
  if (from > span.endNs) return from - span.endNs;
  return 0;
}

function tierOf(figures: LinkFigures, tier: string): TierFigures {
  figures.byTier[tier] ??= { linked: 0, wrong: 0, abstained: 0 };
  return figures.byTier[tier];
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function describeWrong(
  truth: Truth,
  request: Truth,
  span: BenchSpan,
  parent: BenchSpan | undefined,
): string {
  const got = parent ? `:${parent.peerPort} #${parent.exchange}` : 'a span that was not exported';
  return (
    `egress :${truth.clientPort}>:${truth.serverPort} #${truth.ordinal} (${span.tier}) belongs to ` +
    `the request of :${request.clientPort} #${request.ordinal}, was given ${got}`
  );
}
