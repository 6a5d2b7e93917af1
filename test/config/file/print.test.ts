/** `spantap config` prints a configuration that reads back as the same, without secrets. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LoadInput } from '../../../src/config/file/load.ts';
import { printConfig } from '../../../src/config/file/print.ts';
import { FILE, load, loadRight } from './load.ts';

const ENVIRONMENT = { AWS_ACCESS_KEY_ID: 'key-id', AWS_SECRET_ACCESS_KEY: 'key-secret' };

function print(text: string | undefined, rest: Partial<LoadInput> = {}): string {
  const { config, origins } = load(text, rest);
  assert.ok(config);
  return printConfig({ config, origins, file: FILE });
}

const guides = globSync('../../guides/*/*.yaml', { cwd: import.meta.dirname }).sort();

for (const guide of guides) {
  test(`${guide} reads back as the same`, () => {
    const text = readFileSync(join(import.meta.dirname, guide), 'utf8');
    const rest = { environment: ENVIRONMENT };
    assert.deepEqual(loadRight(print(text, rest), rest), loadRight(text, rest));
  });
}

test('everything that can be said reads back as the same', () => {
  const text = `
services:
  event_stores:
    - {type: otel, endpoint: "http://{{AWS_ACCESS_KEY_ID}}:1", headers: {"x y": {type: env, value: AWS_ACCESS_KEY_ID}}}
    - {type: file, id: "yes", path: "/a b#c", max_size: 65537}
  object_stores:
    - {type: s3, bucket: "12", tags: {a: "true", "b: c": "x # y"}, sse: {type: AES256}}
stacks:
  "odd: name": {plugins: [{type: http_metrics}, {type: http_capture, config: {rules: [{expr: '!a["x"] # no', level: none, sample: 0.5}]}}]}
  empty: {}
tags: [{key: "-", source: env, location: "*"}]
redaction: {rules: [{type: regex, pattern: '[\\]{}",:]+'}]}
otel: {timeout: 1m30s, known_methods: [GET, "*"]}
sampling: {max_per_second: 12.5}
`;
  const rest = { environment: ENVIRONMENT };
  assert.deepEqual(loadRight(print(text, rest), rest), loadRight(text, rest));
});

test('secrets are masked wherever they come from', () => {
  const text = [
    'otel:',
    '  endpoint: http://user:hunter2@collector:4318',
    '  headers: {authorization: hunter2, x: {type: text, value: hunter2}}',
    'redaction: {hash_key: {type: env, value: KEY}}',
    'services:',
    '  object_stores:',
    '    - {type: s3, bucket: b, access_key: {type: text, value: hunter2}, secret_key: {type: env, value: KEY}}',
  ].join('\n');
  const environment = { KEY: 'hunter2', OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'k=hunter2' };
  for (const rest of [{ environment: { KEY: 'hunter2' } }, { environment }]) {
    const printed = print(text, rest);
    assert.doesNotMatch(printed, /hunter2/);
    assert.match(printed, /value: KEY/);
  }
});

test('each value has its origin beside it', () => {
  const printed = print('otel:\n  protocol: grpc\n', {
    environment: { OTEL_EXPORTER_OTLP_TIMEOUT: '3000' },
    flags: { port: [80] },
  });
  assert.match(printed, /^ {2}protocol: grpc +# qtap\.yaml:2:13$/m);
  assert.match(printed, /^ {2}timeout: 3s +# OTEL_EXPORTER_OTLP_TIMEOUT$/m);
  assert.match(printed, /^ {2}ports: \[80\] +# --port$/m);
  assert.match(printed, /^ {2}compression: none +# default$/m);
});

test('headers of the environment have their origin beside each', () => {
  const printed = print('otel: {headers: {a: "1"}}', {
    environment: { OTEL_EXPORTER_OTLP_HEADERS: 'b=2,c=3' },
  });
  assert.match(
    printed,
    /^ {4}b: .* # OTEL_EXPORTER_OTLP_HEADERS\n {4}c: .* # OTEL_EXPORTER_OTLP_HEADERS$/m,
  );
});
