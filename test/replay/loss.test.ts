/** Recordings with records lost at will: every exchange is told, lost or dropped, exactly. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { readEventFile } from '../../src/capture/event-file.ts';
import { eventKind } from '../../src/capture/layout.gen.ts';
import type { Counters } from '../../src/telemetry/counters.ts';
import { pick, randomOf, SEED } from '../protocol/random.ts';
import { connectionIdOf, kindOf, stillOpen, withFullRing } from './full-ring.ts';
import { replayRecords, splitRecords } from './trees.ts';

const WINDOWS = 150;

function recordsOf(proxy: string): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (const item of readEventFile(join(import.meta.dirname, `${proxy}.events`))) {
    if (item.kind === 'records') records.push(...splitRecords(item.bytes));
  }
  return [...records, ...stillOpen(records)];
}

function sumOf(counters: Counters): number {
  const ended = counters.get('protocol.exchanges');
  return ended + counters.total('lost') + counters.total('dropped');
}

for (const proxy of ['nginx', 'haproxy', 'caddy']) {
  describe(`of the exchanges that ${proxy} was recorded with`, () => {
    let records: Uint8Array[];
    let truth: number;
    /** Connections that went on as something else: their turns are no exchanges. */
    let tunnels: number;

    before(() => {
      records = recordsOf(proxy);
      const { counters } = replayRecords(records);
      truth = sumOf(counters);
      tunnels = counters.get('protocol.tunnels');
      assert.equal(counters.total('lost'), 0);
      assert.equal(counters.get('protocol.exchanges'), truth);
    });

    /** The sum with some records deleted. */
    const sumWithout = (isLost: (record: Uint8Array, index: number) => boolean) =>
      sumOf(replayRecords(records.filter((each, index) => !isLost(each, index))).counters);
    const indicesOf = (kind: number) =>
      records.flatMap((record, index) => (kindOf(record) === kind ? [index] : []));

    test('none is missing when any one data event is lost', () => {
      for (const lost of indicesOf(eventKind.EVENT_DATA)) {
        assert.equal(
          sumWithout((_, index) => index === lost),
          truth,
          `record ${lost}`,
        );
      }
    });

    test('none is missing when any one close event is lost, or all are', () => {
      for (const lost of indicesOf(eventKind.EVENT_CLOSE)) {
        assert.equal(
          sumWithout((_, index) => index === lost),
          truth,
          `record ${lost}`,
        );
      }
      assert.equal(
        sumWithout((record) => kindOf(record) === eventKind.EVENT_CLOSE),
        truth,
      );
    });

    test('none is missing when any one open event is lost, or all are', () => {
      let tooMany = 0;
      for (const lost of indicesOf(eventKind.EVENT_OPEN)) {
        tooMany += sumWithout((_, index) => index === lost) - truth;
      }
      assert.ok(tooMany >= 0 && tooMany <= tunnels, `${tooMany} too many, ${tunnels} tunnels`);
      const all = sumWithout((record) => kindOf(record) === eventKind.EVENT_OPEN);
      assert.equal(all, truth + tooMany);
    });

    test('none is missing when the end of any connection is lost', () => {
      const tooMany = new Set<number>();
      for (const open of indicesOf(eventKind.EVENT_OPEN)) {
        const id = connectionIdOf(records[open]);
        const datas = indicesOf(eventKind.EVENT_DATA).filter(
          (index) => connectionIdOf(records[index]) === id,
        );
        for (const first of datas) {
          const lost = new Set(datas.filter((index) => index >= first));
          const excess = sumWithout((_, index) => lost.has(index)) - truth;
          assert.ok(excess === 0 || excess === 1, `${excess} too many without record ${first}`);
          if (excess > 0) tooMany.add(id);
        }
      }
      assert.ok(tooMany.size <= tunnels);
    });

    test('none is missing when the ring is full for a while', (t) => {
      t.diagnostic(`SPANTAP_TEST_SEED=${SEED}`);
      for (let round = 0; round < WINDOWS; round++) {
        const random = randomOf(SEED + round);
        const start = Math.floor(random() * records.length);
        const end = start + pick(random, [2, 10, 50, 400]);
        const lossy = withFullRing(records, (index) => index >= start && index < end);
        const sum = sumOf(replayRecords(lossy.records).counters) + lossy.unopened;
        assert.ok(
          sum >= truth && sum <= truth + tunnels,
          `SPANTAP_TEST_SEED=${SEED + round}: records ${start} to ${end}: ${sum}, not ${truth}`,
        );
      }
    });
  });
}
