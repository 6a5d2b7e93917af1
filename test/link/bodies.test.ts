/** Whoever ends an exchange ends what is kept of its bodies. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { limits } from '../../src/config/limits.ts';
import type { ExchangeBatch } from '../../src/handoff/layout.ts';
import { Linker, type LinkerOptions } from '../../src/link/linker.ts';
import type { LinkNode } from '../../src/link/node.ts';
import type { Exchange } from '../../src/protocol/types.ts';
import { PendingBodies } from '../../src/store/pending-bodies.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { answer, connection, exchange, type LooseExchange, MS, process } from './builders.ts';

/** As the linker sees it: the builders know nothing of nodes. */
type LinkedExchange = LooseExchange & Exchange<LinkNode>;

const OWN = 77;

function setUp(options: Partial<LinkerOptions> = {}) {
  const counters = new Counters();
  const bounds = { memoryBytesMax: 4 * 1024 * 1024, diskBytesMax: 0, filesMax: 0 };
  const bodies = new PendingBodies(bounds, counters);
  const batches: ExchangeBatch[] = [];
  const emit = (batch: ExchangeBatch) => batches.push(batch);
  const announce = () => undefined;
  const linker = new Linker({ counters, emit, announce, ownTgid: OWN, ...options });
  const withBody = (made: LooseExchange, lenBytes = 10): LinkedExchange => {
    made.requestBody = bodyOf(bodies, lenBytes);
    return made as LinkedExchange;
  };
  return { counters, bodies, batches, linker, withBody };
}

function bodyOf(bodies: PendingBodies, lenBytes: number) {
  const body = bodies.start(lenBytes, lenBytes);
  body.add(Buffer.alloc(lenBytes, 'x'), 0, lenBytes, 0);
  return body;
}

function ingress(tgid: number): LooseExchange {
  const socket = connection({ process: process(tgid), role: 'server' });
  return exchange({ connection: socket, role: 'server' });
}

describe('bodies', () => {
  test('of what is handed on are copied, or held until the batch comes back', () => {
    const { bodies, batches, linker, withBody } = setUp();
    for (const lenBytes of [10, limits.inlineBodyBytesMax + 1]) {
      const made = withBody(ingress(9), lenBytes);
      linker.request(made);
      answer(made, 2 * MS);
      linker.end(made);
    }
    linker.finish();
    assert.deepEqual([batches.length, batches[0].count, bodies.held], [1, 2, 1]);
    bodies.discardOf(batches[0]);
    assert.deepEqual([bodies.held, bodies.memoryBytes], [0, 0]);
  });

  test('of what is left out go', () => {
    const { bodies, counters, batches, linker, withBody } = setUp();
    const made = withBody(ingress(OWN));
    linker.open(made.connection, 1 * MS, OWN);
    linker.request(made);
    answer(made, 2 * MS);
    linker.end(made);
    linker.finish();
    assert.equal(counters.get('link.own_traffic'), 1);
    assert.deepEqual([batches.length, bodies.memoryBytes], [0, 0]);
  });

  test('of what is dropped go, also when they come later', () => {
    const { bodies, counters, linker, withBody } = setUp({ limits: { openExchangesMax: 1 } });
    const first = withBody(ingress(9));
    linker.request(first);
    linker.request(withBody(ingress(9)));
    assert.equal(counters.get('dropped.exchanges'), 1);
    first.responseBody = bodyOf(bodies, 10);
    answer(first, 2 * MS);
    linker.end(first);
    linker.finish();
    assert.equal(counters.get('dropped.exchanges'), 2);
    assert.equal(bodies.memoryBytes, 0);
  });
});
