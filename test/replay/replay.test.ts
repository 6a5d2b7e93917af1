/** Recordings of real proxies through the whole pipeline: as they are, cut, reordered, with holes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { DATA, eventDirection, eventKind, HEADER } from '../../src/capture/layout.gen.ts';
import { replayFile } from './trees.ts';

const PROXIES = ['nginx', 'haproxy', 'caddy'];
const fileOf = (proxy: string) => join(import.meta.dirname, `${proxy}.events`);
const expectedOf = (proxy: string) =>
  readFileSync(join(import.meta.dirname, `${proxy}.trees`), 'utf8');

/** Longest time by which the record of a send may come late: its thread was preempted. */
const LATE_NS = 2e6;
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

interface Placed {
  readonly record: Uint8Array;
  readonly tid: number;
  readonly isWrite: boolean;
  timeNs: number;
}

function place(record: Uint8Array): Placed {
  const view = new DataView(record.buffer, record.byteOffset);
  return {
    record,
    tid: view.getUint32(HEADER.tid, true),
    isWrite: isData(view) && view.getUint8(DATA.direction) === eventDirection.DIRECTION_WRITE,
    timeNs: Number(view.getBigUint64(HEADER.timeNs, true)),
  };
}

function isData(view: DataView): boolean {
  return view.getUint32(HEADER.kind, true) === eventKind.EVENT_DATA;
}

/** xorshift32: the same numbers for the same seed. */
function random(seed: number): () => number {
  let state = seed * 2_654_435_761;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/**
 * Records some writes late, behind what they caused elsewhere, but never behind the next record of
 * the same thread: a thread's calls return one after the other, and a read is recorded before the
 * program sees its bytes.
 */
function* reorder(records: readonly Uint8Array[], seed: number): Generator<Uint8Array> {
  const next = random(seed);
  const nextOfThread = new Map<number, number>();
  const placed = records.map(place);
  for (const each of placed.toReversed()) {
    const limitNs = (nextOfThread.get(each.tid) ?? Number.POSITIVE_INFINITY) - 1;
    nextOfThread.set(each.tid, each.timeNs);
    if (!each.isWrite || next() > 0.3) continue;
    each.timeNs = Math.max(each.timeNs, Math.min(each.timeNs + next() * LATE_NS, limitNs));
  }
  placed.sort((a, b) => a.timeNs - b.timeNs);
  for (const { record } of placed) yield record;
}

for (const proxy of PROXIES) {
  describe(`recorded ${proxy}`, () => {
    test('gives the expected trees', () => {
      assert.equal(replayFile(fileOf(proxy)).trees, expectedOf(proxy));
    });

    for (const seed of SEEDS) {
      test(`gives the same trees when threads are recorded late (seed ${seed})`, () => {
        const { trees } = replayFile(fileOf(proxy), (records) => reorder(records, seed));
        assert.equal(trees, expectedOf(proxy));
      });
    }

    test('links nothing wrongly when any one in ten records is lost', () => {
      for (const seed of SEEDS) {
        const next = random(seed);
        const { trees } = replayFile(fileOf(proxy), (all) => all.filter(() => next() > 0.1));
        assertNoForeignChild(trees, seed);
      }
    });
  });
}

/** In these recordings every span below a root with `?n=` asks for the same number. */
function assertNoForeignChild(trees: string, seed: number): void {
  for (const tree of trees.split('\n\n')) {
    const numbers = new Set([...tree.matchAll(/\?n=(\d+)/g)].map(([, n]) => n));
    assert(numbers.size <= 1, `seed ${seed}: one tree joins several requests\n${tree}`);
  }
}
