import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { limits } from '../../src/config/limits.ts';
import { readExportSettings } from '../../src/export/settings.ts';
import { AgentError } from '../../src/telemetry/agent-error.ts';

test('without variables the defaults hold, and nothing is said', () => {
  assert.deepEqual(readExportSettings({}), {
    scheduleDelayMs: 1_000,
    queueSpansMax: limits.exportQueueSpansMax,
    batchSpansMax: 512,
    retryMs: limits.exportRetryMs,
    attributeBytesMax: 2_048,
    attributesMax: 128,
    knownMethods: undefined,
    warnings: [],
  });
});

test('the standard variables are followed', () => {
  const settings = readExportSettings({
    OTEL_BSP_SCHEDULE_DELAY: '200',
    OTEL_BSP_MAX_QUEUE_SIZE: '1000',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '100',
    OTEL_BSP_EXPORT_TIMEOUT: '5000',
    OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '100',
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '64',
    OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS: 'GET, BREW',
  });
  assert.deepEqual(settings, {
    scheduleDelayMs: 200,
    queueSpansMax: 1_000,
    batchSpansMax: 100,
    retryMs: 5_000,
    attributeBytesMax: 100,
    attributesMax: 64,
    knownMethods: ['GET', 'BREW'],
    warnings: [],
  });
});

test('a batch is never larger than receivers take', () => {
  assert.equal(readExportSettings({ OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10000' }).batchSpansMax, 512);
});

describe('a value that is not understood is ignored with a warning', () => {
  for (const [name, value] of [
    ['OTEL_BSP_SCHEDULE_DELAY', '-1'],
    ['OTEL_BSP_MAX_QUEUE_SIZE', 'many'],
  ] as const) {
    test(`${name}=${value}`, () => {
      const { warnings, ...settings } = readExportSettings({ [name]: value });
      const { warnings: _, ...defaults } = readExportSettings({});
      assert.deepEqual(settings, defaults);
      assert.equal(warnings.length, 1);
      assert.ok(warnings[0]?.includes(`${name}=${value}`));
    });
  }
});

describe('what would send spans elsewhere ends the start', () => {
  for (const [name, value] of [
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://:x:y'],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', '://nothing'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'ftp://collector'],
    ['OTEL_EXPORTER_OTLP_CERTIFICATE', '/nonexistent/ca.pem'],
    ['OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY', '/nonexistent/key.pem'],
  ] as const) {
    test(`${name}=${value}`, () => {
      assert.throws(
        () => readExportSettings({ [name]: value }),
        (error) =>
          error instanceof AgentError && error.code === 'config' && error.message.includes(name),
      );
    });
  }

  test('but host:port and unix: are addresses to gRPC', () => {
    for (const endpoint of ['localhost:4317', 'unix:/run/c.sock', 'unix:///run/c.sock']) {
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };
      assert.doesNotThrow(() =>
        readExportSettings({ ...env, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }),
      );
      assert.throws(() => readExportSettings(env), /is not an http:\/\/ or https:\/\/ URL/);
    }
  });
});
