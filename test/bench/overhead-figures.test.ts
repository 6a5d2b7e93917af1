import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentFigures, merge, probeFigures } from './overhead-figures.ts';
import type { ProbeResult, Slice } from './probes.ts';
import type { RateSlice, WholeResult } from './whole.ts';

const RPS = 1000;

/** A slice of each variant, each between bare ones; `rps` by variant where it is not RPS. */
function slicesOf(variants: readonly string[], rps: Readonly<Record<string, number>>): Slice[] {
  const slice = (variant: string): Slice => {
    return { variant, rps: rps[variant] ?? RPS, proxyCpuUs: 20, p50Us: 100, p99Us: 200 };
  };
  return [...variants.flatMap((variant) => [slice('off'), slice(variant)]), slice('off')];
}

function probed(variants: readonly string[], rps: Readonly<Record<string, number>>): ProbeResult {
  return {
    slices: slicesOf(variants, rps),
    causeShare: 1,
    lostEvents: 0,
    repeatedSlices: 0,
    toggleMs: 1,
    singleStepped: [],
    proxyCoreBusy: 1,
    otherCoreBusy: 1,
  };
}

function wholeOf(): WholeResult {
  const variants = ['exported', 'encoded', 'control', 'filtered'];
  const agentCpuUs: Readonly<Record<string, number>> = { exported: 10, encoded: 8, filtered: 0 };
  const rateSlices: RateSlice[] = slicesOf(variants, {}).map(({ variant, rps, proxyCpuUs }) => {
    return { variant, rps, proxyCpuUs, agentCpuUs: agentCpuUs[variant] ?? 0 };
  });
  return {
    saturationRps: RPS,
    rate: RPS,
    otherCoreBusy: 0.7,
    rateSlices,
    latencySlices: slicesOf(variants, {}),
    agentRssMb: { exported: 120, encoded: 110, filtered: 90 },
    agentRssPeakMb: { exported: 150, encoded: 140, filtered: 130 },
    agent: {},
  };
}

type Result = Record<string, number | null> & {
  readonly control: Record<string, number | null>;
  readonly filteredOut: Record<string, number | null>;
  readonly iqr: Record<string, unknown>;
};

function resultOf(): Result {
  const many = ['syscall', 'control', 'link', 'control.link', 'filtered'];
  const saturated = probed(many, { syscall: 920, link: 850 });
  const single = probed(['link', 'control', 'filtered'], {});
  return merge([probeFigures(saturated, single), agentFigures(wholeOf())]) as Result;
}

test('the A/A control and the filtered process have every figure of the result', () => {
  const { control, filteredOut, iqr, ...others } = resultOf();
  const keys = Object.keys(others).filter((key) => others[key] === null || key in control);
  assert.deepEqual(Object.keys(control).sort(), keys.sort());
  assert.deepEqual(Object.keys(filteredOut).sort(), keys);
  for (const key of [...Object.keys(iqr), 'rate', 'agentRssMb', 'agentRssPeakMb'])
    assert.ok(keys.includes(key), key);
});

test('a figure of an agent that is not there is null, not 0', () => {
  const { control, filteredOut } = resultOf();
  for (const key of ['agentCpuUsPerRequest', 'agentCpuRatio', 'agentCpuRatioEncoded']) {
    assert.equal(control[key], null, key);
  }
  assert.deepEqual([control.agentRssMb, control.agentRssPeakMb], [null, null]);
  assert.deepEqual([control.rate, control.proxyCpuUsPerRequest], [RPS, 20]);
  assert.deepEqual([filteredOut.agentCpuUsPerRequest, filteredOut.agentRssMb], [0, 90]);
  assert.equal(filteredOut.agentCpuRatioEncoded, null);
});

test('figures are differences to the bare slices around them', () => {
  const result = resultOf();
  assert.deepEqual([result.rpsLossPct, result.linkRpsLossPct], [8, 15]);
  assert.deepEqual([result.control.rpsLossPct, result.filteredOut.linkRpsLossPct], [0, 0]);
  assert.deepEqual([result.agentCpuRatio, result.agentCpuRatioEncoded], [0.5, 0.4]);
  assert.deepEqual([result.agentRssMb, result.agentRssPeakMb], [120, 150]);
});
