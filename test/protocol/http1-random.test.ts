import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import type { DataEvent } from '../../src/capture/types.ts';
import { headerValue, targetOf } from '../../src/handoff/head.ts';
import { describeExchange, keptOf, type Outcome, play } from './outcome.ts';
import {
  connectionOf,
  goServerOf,
  lettersFrom,
  pick,
  type Random,
  randomOf,
  SEED,
  type Traits,
  type Truth,
} from './random.ts';

const ROUNDS = 1500;

function eachRound(check: (random: Random, seed: number) => void): void {
  for (let round = 0; round < ROUNDS; round++) {
    const seed = SEED + round;
    try {
      check(randomOf(seed), seed);
    } catch (error) {
      throw new Error(`SPANTAP_TEST_SEED=${seed}`, { cause: error });
    }
  }
}

function traitsOf(random: Random, fixed: Partial<Traits>): Traits {
  const side = pick(random, ['server', 'client'] as const);
  return {
    side,
    startSeen: random() < 0.7,
    isThreaded: random() < 0.5,
    hasInterim: false,
    isPipelined: false,
    ...fixed,
  };
}

/** Loses each event with the same chance, or runs of them. */
function lossy(random: Random, events: readonly DataEvent[]): DataEvent[] {
  const chance = pick(random, [0.02, 0.1, 0.3]);
  let run = 0;
  return events.filter(() => {
    if (run > 0) run--;
    else if (random() < chance) run = pick(random, [1, 1, 2, 5]);
    else return true;
    return false;
  });
}

/** Turns count its exchanges: see TurnCount for what bends them inside a loss. */
function isPlain(traits: Traits): boolean {
  return !traits.hasInterim && !traits.isPipelined && !traits.isThreaded;
}

/** What must hold whatever was lost: nothing mixed up, nothing invented, nothing told twice. */
function assertTrue(outcome: Outcome, truth: readonly Truth[], traits: Traits): void {
  assert.equal(outcome.ended.length, outcome.begun.length, 'all that began ended');
  const told = new Set<string>();
  for (const exchange of outcome.ended) {
    const target = targetOf(exchange.request.bytes);
    const index = truth.findIndex((entry) => entry.target === target);
    const text = describeExchange(exchange);
    assert.notEqual(index, -1, `${text} was never sent`);
    assert.equal(told.has(target), false, `${text} is told twice`);
    told.add(target);
    if (exchange.response !== null) {
      assert.equal(headerValue(exchange.response.bytes, 'x-target'), target, `${text} is mixed up`);
    }
    if (exchange.ordinal !== 0 && isPlain(traits)) assert.equal(exchange.ordinal, index + 1, text);
    if (!traits.startSeen) assert.equal(exchange.ordinal, 0, text);
    const isKnown = !exchange.hasLoss && !exchange.isRequestTruncated;
    if (exchange.end === 'complete' && isKnown) {
      assert.equal(exchange.requestBodyBytes, truth[index].requestBytes, text);
      assert.equal(exchange.responseBodyBytes, truth[index].responseBytes, text);
    }
  }
}

/** Of each body the beginning is kept, and a digest only of the whole. */
function assertBodies(outcome: Outcome, truth: readonly Truth[], bodyBytesMax: number): number {
  let digests = 0;
  for (const exchange of outcome.ended) {
    const target = targetOf(exchange.request.bytes);
    const sent = truth.find((entry) => entry.target === target) ?? assert.fail();
    for (const [body, lenBytes] of [
      [exchange.requestBody, sent.requestBytes],
      [exchange.responseBody, sent.responseBytes],
    ] as const) {
      const kept = keptOf(body)?.toString() ?? '';
      if (body === null || kept === '') continue;
      assert.ok(kept.length <= Math.min(bodyBytesMax, lenBytes));
      assert.equal(kept, lettersFrom(kept[0], kept.length));
      if (body.digest === null) continue;
      digests++;
      const whole = createHash('sha256').update(lettersFrom(kept[0], lenBytes)).digest('hex');
      assert.equal(Buffer.from(body.digest).toString('hex'), whole);
    }
  }
  return digests;
}

/** Whoever ends the exchanges ends all that is kept of bodies. */
function assertReleased(outcome: Outcome): void {
  for (const { requestBody, responseBody } of outcome.ended) {
    requestBody?.discard();
    responseBody?.discard();
  }
  assert.equal(outcome.bodies.memoryBytes, 0);
}

/** Overwrites, removes, doubles and inserts bytes of the copied payload. */
function mutate(random: Random, event: DataEvent): DataEvent {
  if (random() < 0.5) return event;
  const bytes = Buffer.from(event.bytes.subarray(event.payloadStart, event.payloadEnd));
  const interesting = [0, 9, 10, 13, 32, 44, 48, 58, 72, 127, 255];
  for (let count = Math.floor(4 * random()); count >= 0; count--) {
    const at = Math.floor(random() * bytes.length);
    bytes[at] = random() < 0.5 ? pick(random, interesting) : Math.floor(256 * random());
    if (random() < 0.2) bytes.copyWithin(at, Math.floor(random() * bytes.length));
  }
  return { ...event, bytes, payloadStart: 0, payloadEnd: bytes.length };
}

describe('random connections', () => {
  test('whose bytes are mutated end every exchange and throw nothing', (t) => {
    t.diagnostic(`SPANTAP_TEST_SEED=${SEED}`);
    let invalid = 0;
    eachRound((random) => {
      const traits = traitsOf(random, {
        hasInterim: random() < 0.3,
        isPipelined: random() < 0.3,
      });
      const { wire } = connectionOf(random, traits, 1 + Math.floor(8 * random()));
      const events = lossy(random, wire.events).map((event) => mutate(random, event));
      const outcome = play(wire, events, wire.close(), pick(random, [0, 10, 5000]));
      assert.equal(outcome.ended.length, outcome.begun.length);
      assertReleased(outcome);
      invalid += outcome.count('protocol.invalid');
    });
    assert.ok(invalid > 0, 'some were not HTTP any more');
  });

  test('are read whole when nothing is lost', (t) => {
    t.diagnostic(`SPANTAP_TEST_SEED=${SEED}`);
    eachRound((random) => {
      const traits = traitsOf(random, {
        hasInterim: random() < 0.5,
        isPipelined: random() < 0.3,
        startSeen: true,
      });
      const { wire, truth } = connectionOf(random, traits, 1 + Math.floor(8 * random()));
      const outcome = play(wire, wire.events, wire.close());
      assertTrue(outcome, truth, traits);
      assert.equal(outcome.lines.length, truth.length);
      assert.ok(
        outcome.ended.every(({ end }) => end === 'complete'),
        outcome.lines.join('\n'),
      );
    });
  });

  test('leave an exact sum when events of plain ones are lost', (t) => {
    t.diagnostic(`SPANTAP_TEST_SEED=${SEED}`);
    let lost = 0;
    eachRound((random) => {
      const traits = traitsOf(random, { isThreaded: false, startSeen: true });
      const { wire, truth } = connectionOf(random, traits, 1 + Math.floor(10 * random()));
      const outcome = play(wire, lossy(random, wire.events), wire.close());
      assertTrue(outcome, truth, traits);
      assert.equal(outcome.accounted, truth.length, outcome.lines.join('\n'));
      lost += outcome.count('lost.exchanges');
    });
    assert.ok(lost > 0, 'some were lost whole');
  });

  test('are never mixed up when events are lost', (t) => {
    t.diagnostic(`SPANTAP_TEST_SEED=${SEED}`);
    eachRound((random) => {
      // Pipelining stands alone: with a 100 (Continue) that is lost together with its request, or
      // with late records, it looks exactly like plain exchanges.
      const kind = random();
      const traits = traitsOf(random, {
        hasInterim: kind < 0.3,
        ...(kind > 0.7 ? { isPipelined: true, isThreaded: false } : {}),
      });
      const { wire, truth } = connectionOf(random, traits, 1 + Math.floor(10 * random()));
      const close = random() < 0.8 ? wire.close() : undefined;
      const outcome = play(wire, lossy(random, wire.events), close);
      if (close !== undefined) assertTrue(outcome, truth, traits);
    });
  });

  test('keep the beginning of each body, and the digest of whole ones only', (t) => {
    t.diagnostic(`SPANTAP_TEST_SEED=${SEED}`);
    let digests = 0;
    eachRound((random) => {
      const traits = traitsOf(random, { hasInterim: random() < 0.3 });
      const { wire, truth } = connectionOf(random, traits, 1 + Math.floor(8 * random()));
      const bodyBytesMax = pick(random, [1, 10, 99, 2999, 5000]);
      const events = random() < 0.3 ? wire.events : lossy(random, wire.events);
      const outcome = play(wire, events, wire.close(), bodyBytesMax);
      digests += assertBodies(outcome, truth, bodyBytesMax);
      assertReleased(outcome);
    });
    assert.ok(digests > 0, 'some were cut and seen whole');
  });

  test('of Go servers are read whole, and never mixed up when events are lost', (t) => {
    t.diagnostic(`SPANTAP_TEST_SEED=${SEED}`);
    let sent = 0;
    let whole = 0;
    eachRound((random) => {
      const traits = traitsOf(random, { side: 'server', startSeen: true, isThreaded: true });
      const { wire, truth } = goServerOf(random, 1 + Math.floor(10 * random()));
      const all = play(wire, wire.events, wire.close());
      assertTrue(all, truth, traits);
      assert.ok(
        all.ended.every(({ end }) => end === 'complete'),
        all.lines.join('\n'),
      );
      assert.equal(all.ended.length, truth.length);
      const one = Math.floor(random() * wire.events.length);
      const outcome = play(wire, wire.events.toSpliced(one, 1), wire.close());
      assertTrue(outcome, truth, traits);
      assertTrue(play(wire, lossy(random, wire.events), wire.close()), truth, traits);
      sent += truth.length;
      whole += outcome.ended.filter(({ end }) => end === 'complete').length;
    });
    t.diagnostic(`${whole} of ${sent} exchanges were whole with one event lost on each connection`);
    assert.ok(whole > 0.5 * sent);
  });
});
