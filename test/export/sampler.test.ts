import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mergeThreshold, Sampler, type SamplerName } from '../../src/export/sampler.ts';
import { FLAG } from '../../src/handoff/layout.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { randomSource } from './random-rows.ts';
import { type Row, toBatch } from './rows.ts';

function create(name: SamplerName, ratio = 1, tracesMax = 100) {
  const counters = new Counters();
  return { counters, sampler: new Sampler({ name, ratio, tracesMax }, counters) };
}

const decide = (sampler: Sampler, row: Row): boolean => sampler.isSampled(toBatch([row]).u32, 0);

const low = `${'f'.repeat(18)}${'0'.repeat(14)}`;
const high = `${'0'.repeat(18)}${'f'.repeat(14)}`;
const root: Row = { traceFlags: 1 };
const sampled: Row = { traceFlags: 1, flags: FLAG.parentIsRemote };
const unsampled: Row = { traceFlags: 0, flags: FLAG.parentIsRemote | FLAG.notSampled };

describe('a sampler', () => {
  const cases: readonly (readonly [SamplerName, number, Row, boolean])[] = [
    ['always_on', 1, unsampled, true],
    ['always_off', 1, sampled, false],
    ['parentbased_always_on', 1, root, true],
    ['parentbased_always_on', 1, sampled, true],
    ['parentbased_always_on', 1, unsampled, false],
    ['parentbased_always_on', 1, { traceFlags: 0 }, false],
    ['parentbased_always_off', 1, root, false],
    ['parentbased_always_off', 1, sampled, true],
    ['parentbased_always_off', 1, unsampled, false],
    ['traceidratio', 0.5, { ...unsampled, traceId: high }, true],
    ['traceidratio', 0.5, { ...sampled, traceId: low }, false],
    ['traceidratio', 0, { ...root, traceId: high }, false],
    ['traceidratio', 1, { ...root, traceId: low }, true],
    ['parentbased_traceidratio', 0, { ...sampled, traceId: low }, true],
    ['parentbased_traceidratio', 1, { ...unsampled, traceId: high }, false],
    ['parentbased_traceidratio', 0.5, { ...root, traceId: low }, false],
    ['parentbased_traceidratio', 0.5, { ...root, traceId: high }, true],
  ];
  for (const [name, ratio, row, expected] of cases) {
    const words = `flags ${row.flags ?? 0}, W3C ${row.traceFlags}, ${row.traceId ?? 'any trace'}`;
    test(`${name} ${ratio}: ${words} is ${expected ? 'kept' : 'left out'}`, () => {
      assert.equal(decide(create(name, ratio).sampler, row), expected);
    });
  }
});

describe('a ratio', () => {
  test('keeps R >= T: the threshold itself is kept, one less is not', () => {
    const { sampler } = create('traceidratio', 0.25);
    const at = (r: string) => decide(sampler, { traceId: `${'0'.repeat(18)}${r}` });
    assert.ok(at('c0000000000000'));
    assert.ok(!at('bfffffffffffff'));
    assert.ok(!at('0fffffffffffff'));
  });

  test('keeps about its share of random traces', () => {
    const random = randomSource(3);
    const { sampler } = create('traceidratio', 0.1);
    let kept = 0;
    for (let i = 0; i < 4_000; i++) {
      const hex = () =>
        Math.floor(random() * 2 ** 32)
          .toString(16)
          .padStart(8, '0');
      if (decide(sampler, { traceId: hex() + hex() + hex() + hex() })) kept++;
    }
    assert.ok(kept > 320 && kept < 480, String(kept));
  });

  for (const [ratio, state, expected] of [
    [0.25, '', 'ot=th:c'],
    [0.01, '', 'ot=th:fd70a3d70a3d7'],
    [1, 'v=1', 'v=1'],
    [0.5, 'v=1', 'ot=th:8,v=1'],
    [0.5, 'v=1,ot=rv:0123456789abcd;th:4', 'ot=th:8;rv:0123456789abcd,v=1'],
    [0.5, 'ot=th:c', 'ot=th:c'],
  ] as const) {
    test(`of ${ratio} makes ${JSON.stringify(state)} into ${expected}`, () => {
      const { sampler } = create('traceidratio', ratio);
      assert.equal(sampler.noteThreshold(toBatch([{}]).u32, 0, state), expected);
    });
  }

  test('is not noted where the caller decided', () => {
    const { sampler } = create('parentbased_traceidratio', 0.5);
    assert.equal(sampler.noteThreshold(toBatch([sampled]).u32, 0, 'v=1'), 'v=1');
    assert.equal(sampler.noteThreshold(toBatch([root]).u32, 0, ''), 'ot=th:8');
  });

  test('pushes the oldest member out of a full list', () => {
    const full = Array.from({ length: 32 }, (_, i) => `k${i}=v`).join(',');
    assert.equal(mergeThreshold(full, '8').split(',').length, 32);
  });
});

describe('a decision', () => {
  test('holds for the rest of its trace, so that trees are not torn', () => {
    const { sampler } = create('parentbased_always_on');
    const traceId = '12'.repeat(16);
    assert.equal(decide(sampler, { ...root, traceId }), true);
    assert.equal(decide(sampler, { ...unsampled, traceId }), false);
    assert.equal(decide(sampler, { ...root, traceId }), false, 'a hop behind it');
    assert.equal(decide(sampler, { ...root, traceId: '34'.repeat(16) }), true, 'another trace');
  });

  test('of a caller wins over the ratio for the hops behind it', () => {
    const { sampler } = create('parentbased_traceidratio', 0);
    assert.equal(decide(sampler, { ...sampled, traceId: high }), true);
    assert.equal(decide(sampler, { ...root, traceId: high }), true);
    assert.equal(decide(sampler, { ...root, traceId: `1${high.slice(1, 31)}e` }), false);
  });

  test('is remembered for so many traces; the oldest is forgotten, and counted', () => {
    const { sampler, counters } = create('parentbased_always_on', 1, 10);
    const idOf = (n: number) => n.toString(16).padStart(32, '0');
    for (let n = 1; n <= 12; n++) decide(sampler, { ...unsampled, traceId: idOf(n << 11) });
    assert.equal(counters.get('export.decisions_evicted'), 2);
    assert.equal(decide(sampler, { ...root, traceId: idOf(12 << 11) }), false);
    assert.equal(decide(sampler, { ...root, traceId: idOf(1 << 11) }), true);
  });
});
