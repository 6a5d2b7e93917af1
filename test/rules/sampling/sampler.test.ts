import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FLAG } from '../../../src/handoff/layout.ts';
import { Sampler, type SamplerName } from '../../../src/rules/sampling/sampler.ts';
import { readTraceRandomness } from '../../../src/rules/sampling/threshold.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { randomSource } from '../../export/random-rows.ts';
import { type Row, toBatch } from '../../export/rows.ts';

function create(name: SamplerName, ratio = 1, tracesMax = 100, isThinnedByRules = false) {
  const counters = new Counters();
  const options = { name, ratio, tracesMax, isThinnedByRules };
  return { counters, sampler: new Sampler(options, counters) };
}

function decide(sampler: Sampler, row: Row, asked: number | null = null): boolean {
  const { u32 } = toBatch([row]);
  const random = { high: 0, low: 0 };
  readTraceRandomness(u32, 0, random);
  return sampler.isSampled(u32, 0, asked, random);
}

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

  test('is told as the threshold that the trace id was compared with', () => {
    const { sampler } = create('traceidratio', 0.25);
    decide(sampler, root);
    assert.equal(sampler.threshold.text, 'c');
  });

  test('of a rule replaces the default, in either direction', () => {
    const { sampler } = create('traceidratio', 0.5);
    assert.equal(decide(sampler, { ...root, traceId: low }, 1), true);
    assert.equal(sampler.threshold.text, '0');
    assert.equal(decide(sampler, { ...root, traceId: high }, 0), false);
    assert.equal(decide(sampler, { ...root, traceId: high }), true, 'the next one');
  });

  test('is not told where the caller decided', () => {
    const { sampler } = create('parentbased_traceidratio', 0.5);
    decide(sampler, { ...sampled, traceId: low });
    assert.equal(sampler.threshold.text, '0');
    decide(sampler, { ...root, traceId: high });
    assert.equal(sampler.threshold.text, '8');
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

  test('of a caller wins over rules for the hops behind it', () => {
    const { sampler } = create('parentbased_always_on', 1, 10, true);
    assert.equal(decide(sampler, { ...sampled, traceId: low }, 0), true);
    assert.equal(decide(sampler, { ...root, traceId: low }, 0), true);
  });

  test('is remembered for so many traces; the oldest is forgotten, and counted', () => {
    const { sampler, counters } = create('parentbased_always_on', 1, 10);
    const idOf = (n: number) => n.toString(16).padStart(32, '0');
    for (let n = 1; n <= 12; n++) decide(sampler, { ...unsampled, traceId: idOf(n << 11) });
    assert.equal(counters.get('rules.decisions_evicted'), 2);
    assert.equal(decide(sampler, { ...root, traceId: idOf(12 << 11) }), false);
    assert.equal(decide(sampler, { ...root, traceId: idOf(1 << 11) }), true);
  });
});
