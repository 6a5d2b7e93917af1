import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BenchSpan, CLIENT, SERVER } from './otlp.ts';
import { parseAccessLog, parseTruth, RECORD_BYTES, scoreLinks, type Truth } from './truth.ts';

const PROXY = 8080;
const BACKEND = 9001;
const WALL_OFFSET_NS = 1.7e18;
const MS = 1e6;

let nextId = 0;

function truth(token: string, timeMs: number, client: number, server: number, ordinal = 1): Truth {
  return {
    token,
    timeNs: timeMs * MS,
    ordinal,
    clientPort: client,
    serverPort: server,
    status: 200,
    durationNs: server === PROXY ? 10 * MS : 0,
  };
}

function span(kind: number, localPort: number, peerPort: number, fromMs: number): BenchSpan {
  return {
    spanId: `span ${nextId++}`,
    parentId: '',
    kind,
    startNs: WALL_OFFSET_NS + fromMs * MS,
    endNs: WALL_OFFSET_NS + (fromMs + 8) * MS,
    localPort,
    peerPort,
    exchange: 1,
    tier: kind === CLIENT ? 'exact.state' : 'none',
    confidence: 1,
    resendCount: 0,
    status: 200,
  };
}

/** `count` requests at the same time on connections of their own, each proxied once, all linked. */
function scene(count: number) {
  const requests: Truth[] = [];
  const egress: Truth[] = [];
  const servers: BenchSpan[] = [];
  const clients: BenchSpan[] = [];
  for (let i = 0; i < count; i++) {
    requests.push(truth(`t${i}`, 100, 40_000 + i, PROXY));
    egress.push(truth(`t${i}`, 104, 50_000 + i, BACKEND));
    const server = span(SERVER, PROXY, 40_000 + i, 101);
    const client = span(CLIENT, 50_000 + i, BACKEND, 103);
    client.parentId = server.spanId;
    servers.push(server);
    clients.push(client);
  }
  return { requests, egress, servers, clients };
}

function score({ requests, egress, servers, clients }: ReturnType<typeof scene>) {
  const spans = [...clients, ...servers];
  return scoreLinks({ requests, egress, spans, wallOffsetNs: WALL_OFFSET_NS });
}

test('a run in which every egress has its cause as parent is all linked', () => {
  const figures = score(scene(50));
  assert.equal(figures.egress, 50);
  assert.equal(figures.linked, 50);
  assert.equal(figures.wrong + figures.abstained + figures.missed, 0);
  assert.equal(figures.coverage, 1);
  assert.equal(figures.complete, 50);
  assert.equal(figures.extraSpans, 0);
  assert.deepEqual(figures.byTier, { 'exact.state': { linked: 50, wrong: 0, abstained: 0 } });
});

test('two parents that are exchanged are two wrong links', () => {
  const run = scene(10);
  const [a, b] = run.clients as [BenchSpan, BenchSpan];
  [a.parentId, b.parentId] = [b.parentId, a.parentId];
  const figures = score(run);
  assert.equal(figures.wrong, 2);
  assert.equal(figures.linked, 8);
  assert.equal(figures.examples.length, 2);
  assert.match(figures.examples[0] ?? '', /:50000>:9001 #1 .* :40000 #1, was given :40001 #1/);
});

test('no parent is an abstention, no span is a miss, and the sum is the truth', () => {
  const run = scene(10);
  (run.clients[3] as BenchSpan).parentId = '';
  run.clients.splice(7, 1);
  const figures = score(run);
  assert.equal(figures.abstained, 1);
  assert.equal(figures.missed, 1);
  assert.equal(figures.linked, 8);
  const sum = figures.linked + figures.wrong + figures.abstained + figures.missed;
  assert.equal(sum, figures.egress);
});

test('a parent that was never exported is wrong and named so', () => {
  const run = scene(3);
  run.servers.splice(1, 1);
  const figures = score(run);
  assert.equal(figures.wrong, 1);
  assert.equal(figures.parentMissing, 1);
  assert.equal(figures.ingressMissed, 1);
});

test('a parent of the right connection but another request on it is wrong', () => {
  const run = scene(1);
  run.requests.push(truth('later', 120, 40_000, PROXY, 2));
  run.egress.push(truth('later', 124, 50_001, BACKEND));
  const second = { ...span(SERVER, PROXY, 40_000, 121), exchange: 2 };
  const client = span(CLIENT, 50_001, BACKEND, 123);
  client.parentId = (run.servers[0] as BenchSpan).spanId;
  run.servers.push(second);
  run.clients.push(client);
  const figures = score(run);
  assert.equal(figures.linked, 1);
  assert.equal(figures.wrong, 1);
  client.parentId = second.spanId;
  assert.equal(score(run).linked, 2);
});

test('a port that a later connection uses again is told apart by time', () => {
  const run = scene(1);
  run.requests.push(truth('later', 1100, 40_000, PROXY));
  run.egress.push(truth('later', 1104, 50_000, BACKEND));
  const server = span(SERVER, PROXY, 40_000, 1101);
  const client = span(CLIENT, 50_000, BACKEND, 1103);
  client.parentId = server.spanId;
  run.servers.unshift(server);
  run.clients.unshift(client);
  assert.equal(score(run).linked, 2);
  run.clients.pop();
  const figures = score(run);
  assert.equal(figures.linked, 1);
  assert.equal(figures.missed, 1);
});

test('a span that begins after the backend has read is found within the tolerance', () => {
  const run = scene(2);
  for (const client of run.clients) client.startNs += 6 * MS;
  assert.equal(score(run).linked, 2);
  for (const client of run.clients) client.startNs += 200 * MS;
  for (const client of run.clients) client.endNs += 200 * MS;
  assert.equal(score(run).missed, 2);
});

test('spans without an ordinal are joined by ports and time alone', () => {
  const run = scene(1);
  const server = run.servers[0] as BenchSpan;
  for (let i = 1; i < 5; i++) {
    run.requests.push(truth(`n${i}`, 100 + 10 * i, 40_000, PROXY, 1 + i));
    run.egress.push(truth(`n${i}`, 104 + 10 * i, 50_000, BACKEND, 1 + i));
    const parent = { ...span(SERVER, PROXY, 40_000, 101 + 10 * i), exchange: 1 + i };
    const client = span(CLIENT, 50_000, BACKEND, 103 + 10 * i);
    client.parentId = parent.spanId;
    run.servers.push(parent);
    run.clients.push(client);
  }
  for (const each of [server, ...run.servers, ...run.clients]) each.exchange = 0;
  for (const each of run.clients) each.endNs = each.startNs + 5 * MS;
  assert.equal(score(run).linked, 5);
});

test('two egress of one request count one by one and its completeness needs both', () => {
  const run = scene(2);
  for (let i = 0; i < 2; i++) {
    run.egress.push(truth(`t${i}`, 105, 51_000 + i, 9002));
    const retry = span(CLIENT, 51_000 + i, 9002, 104);
    retry.parentId = i === 0 ? (run.servers[i] as BenchSpan).spanId : '';
    retry.resendCount = 1;
    run.clients.push(retry);
  }
  const figures = score(run);
  assert.equal(figures.egress, 4);
  assert.equal(figures.linked, 3);
  assert.equal(figures.complete, 1);
  assert.equal(figures.resent, 2);
});

test('a token that no request carried is a broken harness, not a score', () => {
  const run = scene(2);
  run.egress.push(truth('unheard', 104, 50_099, BACKEND));
  const figures = score(run);
  assert.equal(figures.strangers, 1);
  assert.equal(figures.egress, 2);
});

test('spans that no truth accounts for are counted', () => {
  const run = scene(2);
  run.clients.push(span(CLIENT, 50_500, BACKEND, 103));
  run.servers.push(span(SERVER, PROXY, 40_500, 103));
  assert.equal(score(run).extraSpans, 2);
});

test('a request that waited for seconds before the proxy read it keeps its span', () => {
  const run = scene(1);
  const record = Buffer.alloc(RECORD_BYTES);
  record.writeUInt32LE(9_000_000, 36);
  const durationNs = parseTruth(record)[0]?.durationNs ?? 0;
  run.requests = run.requests.map((request) => ({ ...request, durationNs }));
  for (const each of [...run.servers, ...run.clients]) {
    each.startNs += 8_900 * MS;
    each.endNs += 8_900 * MS;
  }
  run.egress = run.egress.map((truth) => ({ ...truth, timeNs: truth.timeNs + 8_900 * MS }));
  assert.equal(score(run).linked, 1);
});

test('truth records are read as the C struct lays them out', () => {
  const bytes = Buffer.alloc(RECORD_BYTES);
  bytes.write('0123456789abcdef', 0, 'latin1');
  bytes.writeBigUInt64LE(2n ** 40n + 7n, 16);
  bytes.writeUInt32LE(3, 24);
  bytes.writeUInt16LE(40_001, 28);
  bytes.writeUInt16LE(9001, 30);
  bytes.writeUInt32LE(502, 32);
  bytes.writeUInt32LE(1_000, 36);
  assert.deepEqual(parseTruth(bytes), [
    {
      token: '0123456789abcdef',
      timeNs: 2 ** 40 + 7,
      ordinal: 3,
      clientPort: 40_001,
      serverPort: 9001,
      status: 502,
      durationNs: 1_000_000,
    },
  ]);
});

test('what nginx wrote down about a request is the same truth', () => {
  const name = '00112233445566778899aabbccddeeff';
  const record = Buffer.alloc(RECORD_BYTES);
  record.writeBigUInt64LE(0x0011223344556677n, 0);
  record.writeBigUInt64LE(0x8899aabbccddeeffn, 8);
  const log = `${name} 40001 7 1700000000.250 0.050 -\n`;
  assert.deepEqual(parseAccessLog(log, PROXY, WALL_OFFSET_NS), [
    {
      token: parseTruth(record)[0]?.token,
      timeNs: 1_700_000_000.25e9 - WALL_OFFSET_NS - 50 * MS,
      ordinal: 7,
      clientPort: 40_001,
      serverPort: PROXY,
      status: 0,
      durationNs: 50 * MS,
    },
  ]);
});
