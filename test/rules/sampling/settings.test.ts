import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readSamplerSettings } from '../../../src/rules/sampling/settings.ts';

test('without variables every trace is kept that its caller keeps', () => {
  const expected = { name: 'parentbased_always_on', ratio: 1, warnings: [] };
  assert.deepEqual(readSamplerSettings({}), expected);
});

test('the standard variables are followed', () => {
  const settings = readSamplerSettings({
    OTEL_TRACES_SAMPLER: ' parentbased_traceidratio ',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
  });
  assert.deepEqual(settings, { name: 'parentbased_traceidratio', ratio: 0.25, warnings: [] });
});

describe('a value that is not understood is ignored with a warning', () => {
  for (const [name, value] of [
    ['OTEL_TRACES_SAMPLER', 'jaeger_remote'],
    ['OTEL_TRACES_SAMPLER_ARG', '2'],
    ['OTEL_TRACES_SAMPLER_ARG', 'half'],
  ] as const) {
    test(`${name}=${value}`, () => {
      const { warnings, ...settings } = readSamplerSettings({ [name]: value });
      assert.deepEqual(settings, { name: 'parentbased_always_on', ratio: 1 });
      assert.match(warnings[0] ?? '', new RegExp(`^${name}=${value} is not`));
    });
  }
});
