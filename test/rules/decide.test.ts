import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaults } from '../../src/config/file/load.ts';
import { LEVELS, type Level } from '../../src/config/levels.ts';
import { FLAG } from '../../src/handoff/layout.ts';
import { Decider } from '../../src/rules/decide/decider.ts';
import { compileStacks } from '../../src/rules/decide/stacks.ts';
import { ExchangeSource } from '../../src/rules/fields/exchange-source.ts';
import type { Facts } from '../../src/rules/fields/facts.ts';
import { RateLimit } from '../../src/rules/sampling/rate-limit.ts';
import { Sampler, type SamplerName } from '../../src/rules/sampling/sampler.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { GRAMMARS, loadRight } from '../config/file/load.ts';
import { type Row, toBatch } from '../export/rows.ts';
import { factSource } from './rules.ts';

interface Setting {
  /** The file, without its version. */
  readonly yaml?: string;
  readonly level?: Level;
  readonly sampler?: SamplerName;
  readonly ratio?: number;
  readonly facts?: Facts;
  readonly hopsMax?: number;
}

async function create(setting: Setting) {
  const { yaml, level = 'summary', sampler = 'always_on', ratio = 1, facts, hopsMax } = setting;
  const config =
    yaml === undefined ? defaults() : loadRight(`version: 2\n${yaml}`, { grammars: GRAMMARS });
  const counters = new Counters();
  const source = factSource(facts);
  const decider = new Decider({
    stacks: await compileStacks(config, level),
    source: new ExchangeSource(source),
    facts: source,
    sampler: new Sampler({ name: sampler, ratio, tracesMax: 10, isThinnedByRules: true }, counters),
    rateLimit: hopsMax === undefined ? undefined : new RateLimit(hopsMax),
    counters,
  });
  return { decider, counters };
}

/** What was decided, a word for each row. */
async function decide(rows: readonly Row[], setting: Setting) {
  const { decider, counters } = await create(setting);
  const decisions = decider.decide(toBatch(rows));
  const column = <T>(of: (row: number) => T) => rows.map((_, row) => of(row));
  return {
    counters,
    levels: column((row) => LEVELS[decisions.levels[row] ?? 0]),
    kept: column((row) => decisions.kept[row] === 1),
    stored: column((row) => decisions.stored[row] === 1),
    text: column((row) => decisions.text[row] === 1),
    thresholds: column((row) => decisions.thresholds[row]),
  };
}

const stack = (plugin: string) => `
stacks:
  main:
    plugins:
      - type: http_capture
        config: ${plugin}
tap:
  http: { stack: main }
`;

/** An ingress with its egress. */
const hop = (number: number, ingress: Row = {}, egress: Row = {}): Row[] => [
  { hop: number, ...ingress },
  { hop: number, client: true, ...egress },
];

describe('the level', () => {
  test('without a file is that of capture.level', async () => {
    const { levels, stored } = await decide([{}, { client: true }], { level: 'details' });
    assert.deepEqual(levels, ['details', 'details']);
    assert.deepEqual(stored, [true, true]);
  });

  test('is that of the plugin where no rule matches', async () => {
    const yaml = stack(
      "{ level: summary, rules: [{ expr: 'http.res.status >= 500', level: full }] }",
    );
    const { levels } = await decide([{ status: 200 }, { status: 500 }], { yaml });
    assert.deepEqual(levels, ['summary', 'full']);
  });

  test('none leaves the exchange out, counted', async () => {
    const yaml = stack(
      '{ level: summary, rules: [{ expr: http.req.path == "/health", level: none }] }',
    );
    const { kept, counters } = await decide([{ target: '/health' }, { target: '/' }], { yaml });
    assert.deepEqual(kept, [false, true]);
    assert.equal(counters.get('dropped.by_rule'), 1);
  });

  test('of the other exchanges of a hop is at least summary', async () => {
    const yaml = stack(
      '{ rules: [{ expr: \'direction == "ingress" and http.res.status >= 500\', level: full }] }',
    );
    const rows = [...hop(1, { status: 500 }), ...hop(2, { status: 200 }), { client: true }];
    const { levels, kept, counters } = await decide(rows, { yaml });
    assert.deepEqual(levels, ['full', 'summary', 'none', 'none', 'none']);
    assert.deepEqual(kept, [true, true, false, false, false]);
    assert.equal(counters.get('dropped.by_rule'), 3);
  });

  test('comes from the stack of the host that is asked for', async () => {
    const yaml = `${stack('{ level: summary }')}
  endpoints:
    - { domain: API.example, http: { stack: api } }
    - { domain: off.example, http: { stack: none } }
`.replace(
      'stacks:',
      'stacks:\n  api: { plugins: [{ type: http_capture, config: { level: full } }] }',
    );
    const of = (host: string): Row => ({ headers: [['Host', host]] });
    const rows = [of('api.example:8080'), of('off.example'), of('api.example.org')];
    assert.deepEqual((await decide(rows, { yaml })).levels, ['full', 'none', 'summary']);
  });

  test('comes from the stack that the label of a pod names', async () => {
    const yaml = `${stack('{ level: summary }')}`.replace(
      'stacks:',
      'stacks:\n  api: { plugins: [{ type: http_capture, config: { level: full } }] }',
    );
    const facts = { 'src.pod.labels.tap.qpoint.io/stack': 'api' };
    assert.deepEqual((await decide([{}], { yaml, facts })).levels, ['full']);
  });
});

describe('a record', () => {
  test('has the format of the rule that gave the level, else of the plugin', async () => {
    const yaml = stack(
      '{ level: full, format: text, rules: [{ expr: http.res.status == 500, level: full, format: json }] }',
    );
    const { text } = await decide([{ status: 200 }, { status: 500 }], { yaml });
    assert.deepEqual(text, [true, false]);
  });

  test('follows the sampling of the span, unless it is always stored', async () => {
    const rule = 'expr: \'http.req.method == "POST"\', level: full';
    const rows = [{ method: 'POST' }, { method: 'GET' }];
    const with_ = (store: string) =>
      stack(`{ level: full, rules: [{ ${rule}, store: ${store} }] }`);
    const none = { sampler: 'always_off' } as const;
    assert.deepEqual((await decide(rows, { yaml: with_('sampled'), ...none })).stored, [
      false,
      false,
    ]);
    const always = await decide(rows, { yaml: with_('always'), ...none });
    assert.deepEqual(always.stored, [true, false]);
    assert.deepEqual(always.kept, [false, false]);
  });

  test('may be made of what is a summary, never of what is not kept at all', async () => {
    assert.deepEqual((await decide([{}], { level: 'summary' })).stored, [true]);
    assert.deepEqual((await decide([{}], { level: 'none' })).stored, [false]);
  });
});

describe('sampling', () => {
  const high = 'f'.repeat(32);

  test('takes the highest share that the rules of a hop ask for', async () => {
    const yaml = stack(
      `{ level: summary, rules: [{ expr: 'direction == "ingress"', sample: 0.25 }, { expr: 'http.res.status >= 500', sample: 0.5 }] }`,
    );
    const rows = [
      ...hop(1, { traceId: high }, { traceId: high, status: 502 }),
      ...hop(2, { traceId: high }, { traceId: high }),
    ];
    const { thresholds } = await decide(rows, { yaml });
    assert.deepEqual(thresholds, ['8', '8', 'c', 'c']);
  });

  test('keeps or leaves out a hop as one', async () => {
    const low = { traceId: `${'f'.repeat(18)}${'0'.repeat(14)}` };
    const rows = [...hop(1, low, low), ...hop(2, { traceId: high }, { traceId: high })];
    const { kept, counters } = await decide(rows, { sampler: 'traceidratio', ratio: 0.5 });
    assert.deepEqual(kept, [false, false, true, true]);
    assert.equal(counters.get('dropped.not_sampled'), 2);
  });

  test('leaves to a caller what is parent based', async () => {
    const yaml = stack('{ level: summary, rules: [{ expr: http.res.status == 200, sample: 0 }] }');
    const caller: Row = { traceFlags: 1, flags: FLAG.parentIsRemote };
    const { kept } = await decide([caller, { traceFlags: 1, traceId: high }], {
      yaml,
      sampler: 'parentbased_always_on',
    });
    assert.deepEqual(kept, [true, false]);
  });

  describe('with what a caller says in tracestate', () => {
    const low = `${'1'.repeat(18)}${'0'.repeat(13)}1`;
    const called = (tracestate: string, traceId = high): Row => ({
      traceId,
      traceFlags: 1,
      flags: FLAG.parentIsRemote,
      headers: [
        ['Traceparent', `00-${traceId}-b7ad6b7169203331-01`],
        ['Tracestate', tracestate],
      ],
    });
    const half = { sampler: 'traceidratio', ratio: 0.5 } as const;
    const told = async (row: Row, setting: Setting) => {
      const { kept, thresholds } = await decide(hop(1, row, row), setting);
      assert.equal(kept[0], kept[1]);
      assert.equal(thresholds[0], thresholds[1]);
      return kept[0] === true ? thresholds[0] : 'left out';
    };

    test('uses its randomness instead of that of the trace id', async () => {
      assert.equal(await told(called('ot=rv:80000000000000', low), half), '8');
      assert.equal(await told(called('v=1,ot=rv:7fffffffffffff'), half), 'left out');
      assert.equal(await told(called('ot=rv:7fff'), half), '8', 'not valid');
      const other = { ...called('ot=rv:7fffffffffffff'), traceId: `0${high.slice(1)}` };
      assert.equal(await told(other, half), '8', 'of another trace');
    });

    test('tells the higher threshold', async () => {
      assert.equal(await told(called('ot=th:4'), half), '8');
      assert.equal(await told(called('ot=th:c'), half), '', 'that of the caller');
      assert.equal(await told(called('ot=th:80'), half), '', 'the same');
      assert.equal(await told(called('ot=th:8'), { sampler: 'always_on' }), '');
    });

    test('tells its own where that of the caller cannot be right', async () => {
      const middle = `${'1'.repeat(18)}9${'0'.repeat(13)}`;
      assert.equal(await told(called('ot=th:c', middle), half), '8', 'it would have left it out');
      const unsampled = { ...called('ot=th:c'), flags: FLAG.parentIsRemote | FLAG.notSampled };
      assert.equal(await told(unsampled, half), '8');
      assert.equal(await told(unsampled, { sampler: 'always_on' }), '0');
      assert.equal(await told(called('ot=th:x'), half), '8');
    });

    test('leaves the threshold of a caller that it follows, unless a bound is higher', async () => {
      const parentBased = { sampler: 'parentbased_traceidratio', ratio: 0.5 } as const;
      assert.equal(await told(called('ot=th:c', low), parentBased), '');
      const { decider } = await create({ ...parentBased, hopsMax: 10 });
      const at = (second: number, tracestate: string): Row => ({
        ...called(tracestate),
        endNs: second * 1e9,
        startNs: second * 1e9 - 10,
      });
      const first = Array.from({ length: 40 }, () => at(1, 'v=1'));
      decider.decide(toBatch(first));
      const { thresholds } = decider.decide(toBatch([at(2, 'ot=th:8'), at(2, 'ot=th:e')]));
      assert.deepEqual(thresholds.slice(0, 2), ['c', '']);
    });
  });

  test('keeps no more hops in a second than are wanted, and tells by how much', async () => {
    const { decider, counters } = await create({ hopsMax: 10 });
    const id = (n: number) => (n * 2_654_435_761).toString(16).slice(-8).padStart(8, '0');
    const second = (at: number) =>
      Array.from({ length: 100 }, (_, n): Row => {
        const endNs = at * 1e9 + n;
        return { traceId: id(n + 1).repeat(4), endNs, startNs: endNs - 10 };
      });
    const keptIn = (at: number) => {
      const { kept, thresholds } = decider.decide(toBatch(second(at)));
      const rows = Array.from(kept.subarray(0, 100));
      return { kept: rows.reduce((sum, one) => sum + one, 0), th: thresholds[rows.indexOf(1)] };
    };
    assert.deepEqual(keptIn(1), { kept: 10, th: '' }, 'the first second knows of none before');
    const next = keptIn(2);
    assert.ok(next.kept > 3 && next.kept <= 10, String(next.kept));
    assert.match(next.th ?? '', /^e6[0-9a-f]*$/, 'nine in ten are left out');
    assert.equal(counters.get('dropped.rate_limited'), 200 - 10 - next.kept);
    assert.equal(keptIn(9).th, '', 'a second after silence keeps all again');
  });
});
