import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localPorts } from '../../src/export/local-ports.ts';

const OWN = new Set(['192.0.2.7', '2001:db8::7']);
const OTLP = { kinds: ['otlp'], protocol: 'http/protobuf' } as const;
const portsOf = (endpoint: string, choice: Parameters<typeof localPorts>[1] = OTLP) =>
  localPorts({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }, choice, OWN);

test('an endpoint on this host is known by its port', () => {
  assert.deepEqual(portsOf('http://localhost:4418'), [4418]);
  assert.deepEqual(portsOf('http://127.0.0.5:4418/base'), [4418]);
  assert.deepEqual(portsOf('http://192.0.2.7:4418'), [4418]);
  assert.deepEqual(portsOf('http://[2001:db8::7]:4418'), [4418]);
  assert.deepEqual(portsOf('https://localhost'), [443]);
  assert.deepEqual(portsOf('localhost:4317', { kinds: ['otlp'], protocol: 'grpc' }), [4317]);
});

test('a port of another host is not one of this host', () => {
  assert.deepEqual(portsOf('http://192.0.2.8:4418'), []);
  assert.deepEqual(portsOf('http://collector:4418'), []);
  assert.deepEqual(portsOf('not a url'), []);
});

test('without an endpoint the standard port of the protocol is meant', () => {
  assert.deepEqual(localPorts({}, OTLP, OWN), [4318]);
  assert.deepEqual(localPorts({}, { kinds: ['otlp'], protocol: 'grpc' }, OWN), [4317]);
  assert.deepEqual(localPorts({}, { kinds: ['console'], protocol: 'grpc' }, OWN), []);
});

test('traces and metrics may go to different ports', () => {
  const env = {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://localhost:1/v1/traces',
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://localhost:2/v1/metrics',
  };
  assert.deepEqual(localPorts(env, OTLP, OWN), [1, 2]);
});
