/** What `run` says of settings that the agent does not act on yet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findWithoutEffect } from '../../../src/config/file/effect.ts';
import { load } from './load.ts';

function named(text: string): string[] {
  const { config, origins } = load(text);
  assert.ok(config);
  return findWithoutEffect(config, origins).map(
    ({ line, message }) => `${line} ${message.split(':')[0]}`,
  );
}

test('one line for each part of the file that is not built', () => {
  const text = [
    'services: {event_stores: [{type: stdout}], object_stores: [{type: stdout}]}',
    'tap: {direction: egress, audit_include_dns: true, http: {stack: s}}',
    'stacks: {s: {plugins: [{type: access_logs}]}}',
    'otel: {spool: {max_size: 2GiB}, sending_queue: {num_consumers: 9}}',
  ].join('\n');
  assert.deepEqual(named(text), [
    '1 services.event_stores',
    '2 tap.audit_include_dns',
    '3 stacks',
    '4 otel.sending_queue.num_consumers',
  ]);
});

test('what works is not named', () => {
  const text = [
    'otel: {endpoint: "http://c:4318", protocol: grpc, headers: {a: b}, tls: {ca_file: x}, spool: {fsync: true}}',
    'sampling: {default: 0.5, parent_based: false, max_per_second: 10}',
    'redaction: {rules: [{type: header, name: x}]}',
    'services: {object_stores: [{type: stdout}]}',
    'rulekit: {macros: [{name: m, expr: http.res.status == 500}]}',
    'stacks: {s: {plugins: [{type: http_metrics}, {type: http_capture, config: {rules: [{expr: m(), level: full}]}}]}}',
    'tap:',
    '  direction: ingress',
    '  ignore_loopback: true',
    '  http: {stack: s}',
    '  endpoints: [{domain: a.example, http: {stack: s}}]',
    '  filters: {groups: [kubernetes], custom: [{exe: curl}]}',
    'tags: [{key: team, source: env, location: TEAM}]',
    'capture: {processes: [nginx], ports: [80], level: full}',
    'limits: {head_size: 8KiB, ring_size: 1MiB, body_size: 1MiB, body_memory_size: 32MiB}',
    'telemetry: {endpoint: "127.0.0.1:10002", logs: {level: warn}}',
  ].join('\n');
  assert.deepEqual(named(text), []);
});

test('what happens anyway is not named', () => {
  const text = [
    'tap: {direction: all, ignore_loopback: false, filters: {groups: [qpoint]}}',
    'redaction: {secret_headers: [authorization, cookie, set-cookie, proxy-authorization, x-api-key]}',
    'link: {traceparent: true}',
  ].join('\n');
  assert.deepEqual(named(text), []);
});
