/** The standard variables for metrics. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readMetricSettings } from '../../../src/export/metrics/settings.ts';
import { AgentError } from '../../../src/telemetry/agent-error.ts';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' };

describe('readers', () => {
  for (const [env, expected] of [
    [{}, []],
    [ENDPOINT, ['otlp']],
    [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://localhost:4318/v1/metrics' }, ['otlp']],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://localhost:4318/v1/traces' }, []],
    [{ OTEL_METRICS_EXPORTER: 'prometheus' }, ['prometheus']],
    [{ OTEL_METRICS_EXPORTER: 'otlp, console' }, ['otlp', 'console']],
    [{ ...ENDPOINT, OTEL_METRICS_EXPORTER: 'none' }, []],
    [{ ...ENDPOINT, OTEL_METRICS_EXPORTER: ' ' }, ['otlp']],
  ] as const) {
    test(`${JSON.stringify(env)}: ${expected.join(' and ') || 'none'}`, () => {
      assert.deepEqual([...readMetricSettings(env).readers], expected);
    });
  }

  test('that there are not are an error', () => {
    assert.throws(() => readMetricSettings({ OTEL_METRICS_EXPORTER: 'otlp,zipkin' }), AgentError);
  });
});

describe('the address for Prometheus', () => {
  for (const [env, expected] of [
    [{}, undefined],
    [{ OTEL_EXPORTER_PROMETHEUS_PORT: '9000' }, undefined],
    [{ OTEL_METRICS_EXPORTER: 'prometheus' }, undefined],
    [
      { OTEL_METRICS_EXPORTER: 'prometheus', OTEL_EXPORTER_PROMETHEUS_PORT: '9000' },
      'localhost:9000',
    ],
    [
      { OTEL_METRICS_EXPORTER: 'prometheus', OTEL_EXPORTER_PROMETHEUS_HOST: '0.0.0.0' },
      '0.0.0.0:9464',
    ],
  ] as const) {
    test(`${JSON.stringify(env)}: ${expected}`, () => {
      assert.equal(readMetricSettings(env).prometheusAddress, expected);
    });
  }
});

describe('what is no number and no known word', () => {
  test('is told, and the default holds', () => {
    const { intervalMs, temporalities, warnings } = readMetricSettings({
      OTEL_METRIC_EXPORT_INTERVAL: 'often',
      OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'sigma',
    });
    assert.equal(intervalMs, 60_000);
    assert.deepEqual(temporalities, { counter: 'cumulative', histogram: 'cumulative' });
    assert.equal(warnings.length, 2);
  });

  test('is nothing of what is right', () => {
    const settings = readMetricSettings({
      OTEL_METRIC_EXPORT_INTERVAL: '5000',
      OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'LowMemory',
    });
    assert.equal(settings.intervalMs, 5_000);
    assert.deepEqual(settings.temporalities, { counter: 'cumulative', histogram: 'delta' });
    assert.deepEqual(settings.warnings, []);
  });
});
