/**
 * The same schedules as bytes through the real HTTP/1 stage: writes are recorded at their return,
 * late, as other threads permit; then with losses. Pipelined requests arrive in one read.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from './random.ts';
import { Scene } from './scene.ts';
import { keyOf, SimulatedProxy, type Workload } from './simulated-proxy.ts';
import { type Stamped, WireStage, withTurns } from './wire-stage.ts';

const MIXED: Workload = {
  clients: 16,
  requestsPerClient: 12,
  retry: 0.3,
  auth: 0.3,
  mirror: 0.2,
  pipelined: 0,
  newUpstream: 0.2,
  healthCheck: 0.1,
};

/** Egress writes come up to `lateNs` late: the thread that goes on with the request is another. */
function recorded(events: readonly Stamped[], random: Random, lateNs: number): Stamped[] {
  const nextWriteNs = new Map<number, number>();
  const placed = events.toReversed().map((stamped) => {
    const { connection, role, isRequest, timeNs } = stamped.event;
    if (role !== 'client' || !isRequest) return { stamped, atNs: timeNs };
    const limitNs = (nextWriteNs.get(connection.id) ?? Number.POSITIVE_INFINITY) - 1;
    nextWriteNs.set(connection.id, timeNs);
    return { stamped, atNs: Math.min(timeNs + random.next() * lateNs, limitNs) };
  });
  placed.sort((a, b) => a.atNs - b.atNs);
  return placed.map(({ stamped }) => stamped);
}

interface Outcome {
  egress: number;
  linked: number;
  wrong: number;
  orphans: number;
}

function run(seed: number, load: Workload, lateNs: number, lossShare: number): Outcome {
  const random = new Random(seed);
  const proxy = new SimulatedProxy(random, load);
  proxy.run();
  const scene = new Scene();
  const stage = new WireStage(scene.linker, scene.counters);
  let nowNs = 0;
  for (const stamped of recorded(withTurns(proxy.events), random, lateNs)) {
    for (; nowNs < stamped.event.timeNs; nowNs += 50e6) scene.linker.tick(nowNs);
    if (!random.chance(lossShare)) stage.event(stamped);
  }
  stage.finish(nowNs);
  return judge(scene, proxy);
}

function judge(scene: Scene, proxy: SimulatedProxy): Outcome {
  const spans = scene.allSpans();
  const ingress = new Map(
    spans.filter((span) => !span.isClient).map((span) => [span.spanId, span]),
  );
  const outcome = { egress: 0, linked: 0, wrong: 0, orphans: 0 };
  for (const span of spans) {
    if (!span.isClient) continue;
    outcome.egress++;
    const truth = proxy.truth.get(keyOf(span.connectionId, span.startNs));
    assert.ok(truth !== undefined);
    const parent = ingress.get(span.parentSpanId);
    if (span.parentSpanId === '') outcome.orphans += truth === null ? 0 : 1;
    else if (parent === undefined) outcome.wrong++;
    else if (truth === nameOf(parent.connectionId, parent.startNs, parent.ordinal, spans))
      outcome.linked++;
    else outcome.wrong++;
  }
  return outcome;
}

/** Both requests of one read have its time; the simulation names the second by the next one. */
function nameOf(
  connectionId: number,
  startNs: number,
  ordinal: number,
  spans: readonly { connectionId: number; startNs: number; ordinal: number }[],
): string {
  const hasTwin = spans.some(
    (span) =>
      span.connectionId === connectionId && span.startNs === startNs && span.ordinal < ordinal,
  );
  return keyOf(connectionId, startNs + (hasTwin ? 1 : 0));
}

function total(seeds: number, load: Workload, lateNs: number, lossShare: number): Outcome {
  const sum = { egress: 0, linked: 0, wrong: 0, orphans: 0 };
  for (let seed = 1; seed <= seeds; seed++) {
    const outcome = run(seed, load, lateNs, lossShare);
    assert.equal(outcome.wrong, 0, `seed ${seed}`);
    for (const key of ['egress', 'linked', 'orphans'] as const) sum[key] += outcome[key];
  }
  return sum;
}

for (const lateMs of [0, 5, 40])
  test(`all identical requests are linked, egress writes up to ${lateMs} ms late`, () => {
    const { linked, orphans } = total(10, MIXED, lateMs * 1e6, 0);
    assert.equal(orphans, 0);
    assert.ok(linked > 2500);
  });

for (const lossShare of [0.001, 0.01, 0.1])
  test(`none is linked wrongly when ${lossShare * 100} % of the events are lost`, () => {
    const { linked, orphans } = total(30, MIXED, 5e6, lossShare);
    assert.ok(linked > 0 && orphans > 0);
  });

test('none is linked wrongly when requests are pipelined', () => {
  const { linked } = total(20, { ...MIXED, pipelined: 0.3 }, 5e6, 0);
  assert.ok(linked > 1000);
});
