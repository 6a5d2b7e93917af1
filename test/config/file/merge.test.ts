/** defaults < file < environment < flags, and where each value came from. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaults } from '../../../src/config/file/load.ts';
import { FILE, load, loadRight } from './load.ts';

const ENDPOINT = 'otel: {endpoint: "http://file:4318"}';

describe('which value counts', () => {
  test('without a file, every setting has its default', () => {
    assert.deepEqual(loadRight(undefined), defaults());
    assert.deepEqual(load(undefined).origins.size, 0);
  });

  test('an empty file is a file, with a warning', () => {
    for (const text of ['', '# nothing\n', '---\n', '~']) {
      const { config, problems } = load(text);
      assert.deepEqual(config, defaults());
      assert.deepEqual(
        problems.map(({ severity }) => severity),
        ['warning'],
      );
    }
  });

  test('the file goes over the defaults, the environment over the file, flags over all', () => {
    const text = 'capture: {level: details}\notel: {timeout: 2s}';
    assert.equal(loadRight(text).otel.timeoutMs, 2_000);
    const environment = { OTEL_EXPORTER_OTLP_TIMEOUT: '3000' };
    assert.equal(loadRight(text, { environment }).otel.timeoutMs, 3_000);
    assert.equal(loadRight(text).capture.level, 'details');
    assert.equal(loadRight(text, { flags: { level: 'full' } }).capture.level, 'full');
  });

  test('each value knows where it came from', () => {
    const { origins } = load('otel:\n  protocol: grpc\n  timeout: 2s\ncapture: {ports: [1, 2]}', {
      environment: { OTEL_EXPORTER_OTLP_TIMEOUT: '3000' },
      flags: { port: [80] },
    });
    assert.deepEqual(origins.get('otel.protocol'), { from: 'file', line: 2, column: 13 });
    const variable = { from: 'environment', name: 'OTEL_EXPORTER_OTLP_TIMEOUT' };
    assert.deepEqual(origins.get('otel.timeout'), variable);
    assert.deepEqual(origins.get('capture.ports'), { from: 'flag', name: '--port' });
    assert.equal(origins.has('capture.ports[0]'), false);
    assert.equal(origins.has('otel.compression'), false);
  });

  test('stores behind the first S3 store have spools of their own', () => {
    const stores =
      '{type: stdout}, {type: s3, bucket: a, id: a}, {type: s3, bucket: b, id: cold/b}';
    const { services } = loadRight(`services: {object_stores: [${stores}]}`);
    const directories = services.objectStores.map(
      (each) => 'spool' in each && each.spool.directory,
    );
    const base = '/var/lib/spantap/spool/s3';
    assert.deepEqual(directories, [false, base, `${base}-cold_b`]);
  });

  test('a variable for spans counts before the general one', () => {
    const environment = {
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc',
    };
    assert.equal(loadRight(ENDPOINT, { environment }).otel.protocol, 'grpc');
  });

  test('a general endpoint of the environment replaces the special ones of the file', () => {
    const text = 'otel: {traces_endpoint: "http://file:4318/v1/traces"}';
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://env:4318' };
    const { config, variables } = load(text, { environment });
    assert.equal(config?.otel.tracesEndpoint, undefined);
    assert.equal(config?.otel.endpoint, 'http://env:4318');
    assert.deepEqual(variables, {});
  });

  test('samplers of the environment say share and parent', () => {
    const cases: [string, string, number, boolean][] = [
      ['always_on', '', 1, false],
      ['always_off', '', 0, false],
      ['traceidratio', '0.25', 0.25, false],
      ['parentbased_always_on', '', 1, true],
      ['parentbased_traceidratio', '0.5', 0.5, true],
      ['parentbased_always_off', '0.5', 0, true],
    ];
    for (const [name, argument, share, parentBased] of cases) {
      const environment = { OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument };
      const { sampling } = loadRight('sampling: {default: 0.9}', { environment });
      assert.deepEqual([sampling.default, sampling.parentBased], [share, parentBased], name);
    }
  });
});

test('OTEL_SDK_DISABLED turns exporters off, whatever the file and the environment say', () => {
  const text = 'otel: {traces_exporters: [otlp]}';
  const others = { OTEL_TRACES_EXPORTER: 'console', OTEL_METRICS_EXPORTER: 'otlp' };
  const { config, variables, origins } = load(text, {
    environment: { ...others, OTEL_SDK_DISABLED: 'True' },
  });
  assert.deepEqual(config?.otel.tracesExporters, ['none']);
  assert.deepEqual(config?.otel.metricsExporters, ['none']);
  const from = { from: 'environment', name: 'OTEL_SDK_DISABLED' };
  assert.deepEqual(origins.get('otel.traces_exporters'), from);
  assert.deepEqual(variables, { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' });
  for (const OTEL_SDK_DISABLED of ['false', 'yes']) {
    const { config: on, problems } = load(text, { environment: { OTEL_SDK_DISABLED } });
    assert.deepEqual(on?.otel.tracesExporters, ['otlp']);
    assert.equal(problems.length, OTEL_SDK_DISABLED === 'yes' ? 1 : 0);
  }
});

describe('wrong variables', () => {
  const withVariable = (name: string, value: string) =>
    load(undefined, { environment: { [name]: value } });

  test('numbers and words are ignored with a warning, as the specification asks', () => {
    const wrong = {
      OTEL_EXPORTER_OTLP_TIMEOUT: 'soon',
      OTEL_BSP_MAX_QUEUE_SIZE: '-1',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'zip',
      OTEL_TRACES_SAMPLER: 'jaeger_remote',
      OTEL_EXPORTER_OTLP_HEADERS: 'no equals sign',
    };
    for (const [name, value] of Object.entries(wrong)) {
      const { config, problems } = withVariable(name, value);
      assert.deepEqual(config, defaults(), name);
      assert.deepEqual(
        problems.map(({ severity, file }) => [severity, file]),
        [['warning', name]],
      );
    }
  });

  test('an endpoint, protocol or exporter that cannot be meant is an error', () => {
    const wrong = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'ftp://x',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'thrift',
      OTEL_TRACES_EXPORTER: 'zipkin',
    };
    for (const [name, value] of Object.entries(wrong)) {
      const { config, problems } = withVariable(name, value);
      assert.equal(config, undefined, name);
      assert.deepEqual(
        problems.map(({ severity, file }) => [severity, file]),
        [['error', name]],
      );
    }
  });
});

describe('what the exporters are told', () => {
  test('the file in the words of the standard variables, where they are not set', () => {
    const text = [
      'otel:',
      '  endpoint: http://file:4318',
      '  protocol: http/json',
      '  headers: {a: "1=2, 3", b: {type: env, value: TOKEN}}',
      '  timeout: 2s',
      '  traces_exporters: [otlp, console]',
      '  sending_queue: {batch: {flush_timeout: 250ms}}',
      'sampling: {default: 0.25}',
    ].join('\n');
    const environment = { TOKEN: 'secret', OTEL_EXPORTER_OTLP_TIMEOUT: '9' };
    assert.deepEqual(load(text, { environment }).variables, {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://file:4318',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'a=1%3D2%2C%203,b=secret',
      OTEL_TRACES_EXPORTER: 'otlp,console',
      OTEL_BSP_SCHEDULE_DELAY: '250',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    });
  });

  test('the file also where a variable is set that nobody can mean: it is ignored', () => {
    const text = [
      'otel: {timeout: 2s, sending_queue: {queue_size: 100}}',
      'sampling: {default: 0.25}',
    ].join('\n');
    const environment = {
      OTEL_EXPORTER_OTLP_TIMEOUT: 'soon',
      OTEL_BSP_MAX_QUEUE_SIZE: '-1',
      OTEL_TRACES_SAMPLER: 'jaeger_remote',
    };
    const { config, variables } = load(text, { environment });
    assert.deepEqual([config?.otel.timeoutMs, config?.sampling.default], [2_000, 0.25]);
    assert.deepEqual(variables, {
      OTEL_EXPORTER_OTLP_TIMEOUT: '2000',
      OTEL_BSP_MAX_QUEUE_SIZE: '100',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    });
  });

  test('nothing that the file does not say', () => {
    assert.deepEqual(load('version: 2').variables, {});
    assert.deepEqual(load(undefined).variables, {});
  });

  test('a protocol for spans in the environment leaves that of the file to metrics', () => {
    const environment = { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' };
    const { variables } = load('otel: {protocol: http/json}', { environment });
    assert.deepEqual(variables, { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' });
  });
});

test('loading twice gives the same, and leaves the input alone', () => {
  const environment = Object.freeze({ OTEL_TRACES_SAMPLER: 'always_off' });
  const flags = Object.freeze({ port: Object.freeze([1]) });
  const once = load(ENDPOINT, { environment, flags });
  assert.deepEqual(load(ENDPOINT, { environment, flags }), once);
  assert.deepEqual(loadRight(undefined), defaults());
  assert.equal(once.problems.length, 0, FILE);
});
