/** What is kept of the bodies in recordings of real proxies, however their events are cut. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ConnectionTable } from '../../src/capture/connections.ts';
import { Decoder } from '../../src/capture/decode.ts';
import { readEventFile } from '../../src/capture/event-file.ts';
import type { DataEvent, EventSink } from '../../src/capture/types.ts';
import { bodyLimitsOf } from '../../src/handoff/captured-body.ts';
import { Http1Stage } from '../../src/protocol/http1/stage.ts';
import type { Exchange, ExchangeSink } from '../../src/protocol/types.ts';
import { PendingBodies } from '../../src/store/pending-bodies.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { keptOf } from '../protocol/outcome.ts';
import { type Random, randomOf, SEED } from '../protocol/random.ts';
import { cutEvent } from '../protocol/wire.ts';

const LIMITS = [1, 2, 17, 100, 4_000, 16_384];
const ROUNDS = 4;

interface Kept {
  readonly request: Buffer;
  readonly response: Buffer;
}

/** By connection and position of the request. */
type Bodies = ReadonlyMap<string, Kept>;

class Keeper implements ExchangeSink {
  readonly bodies = new Map<string, Kept>();

  request(): void {}
  response(): void {}
  lost(): void {}

  end({ connection, requestStartPosition, requestBody, responseBody }: Exchange): void {
    const none = Buffer.alloc(0);
    this.bodies.set(`${connection.id}:${requestStartPosition}`, {
      request: keptOf(requestBody) ?? none,
      response: keptOf(responseBody) ?? none,
    });
    requestBody?.discard();
    responseBody?.discard();
  }
}

/** The event in pieces, one byte after the other at times. */
function* cut(event: DataEvent, random: Random): Generator<DataEvent> {
  let rest = event;
  while (rest.lenBytes > 1 && random() < 0.7) {
    const at = random() < 0.3 ? 1 : 1 + Math.floor(random() * (rest.lenBytes - 1));
    const [head, tail] = cutEvent(rest, at);
    yield head;
    rest = tail;
  }
  yield rest;
}

function replay(proxy: string, bodyBytesMax: number, random: Random | null): Bodies {
  const counters = new Counters();
  const bounds = { memoryBytesMax: 8 * 1024 * 1024, diskBytesMax: 0, filesMax: 0 };
  const bodies = new PendingBodies(bounds, counters);
  const keeper = new Keeper();
  const bodyLimits = bodyLimitsOf(bodyBytesMax);
  const stage = new Http1Stage(keeper, { counters, bodies, bodyLimits });
  const sink: EventSink = {
    open: (connection, timeNs) => stage.open(connection, timeNs),
    data: (connection, event) => {
      if (random === null) stage.data(connection, event);
      else for (const piece of cut(event, random)) stage.data(connection, piece);
    },
    close: (connection, event) => stage.close(connection, event),
    process: (event) => stage.process(event),
  };
  const table = new ConnectionTable(sink, { counters, forget: () => false });
  const decoder = new Decoder(table, counters);
  for (const item of readEventFile(join(import.meta.dirname, `${proxy}.events`))) {
    if (item.kind === 'records') decoder.decode(item.bytes);
  }
  table.finish();
  stage.finish(0);
  assert.equal(bodies.memoryBytes, 0);
  return keeper.bodies;
}

for (const proxy of ['nginx', 'haproxy', 'caddy']) {
  describe(`bodies that ${proxy} was recorded with`, () => {
    const whole = replay(proxy, 1 << 20, null);

    test('are there', () => {
      const kept = [...whole.values()];
      assert.ok(kept.some(({ response }) => response.length > 0));
    });

    for (const bodyBytesMax of LIMITS) {
      test(`are kept up to ${bodyBytesMax} bytes, however events are cut`, () => {
        for (let round = 0; round < ROUNDS; round++) {
          const random = round === 0 ? null : randomOf(SEED + round);
          const kept = replay(proxy, bodyBytesMax, random);
          assert.deepEqual([...kept.keys()].sort(), [...whole.keys()].sort());
          for (const [key, { request, response }] of kept) {
            const full = whole.get(key) ?? assert.fail();
            const where = `seed ${SEED}, round ${round}, ${key}`;
            assert.deepEqual(request, full.request.subarray(0, bodyBytesMax), where);
            assert.deepEqual(response, full.response.subarray(0, bodyBytesMax), where);
          }
        }
      });
    }
  });
}
