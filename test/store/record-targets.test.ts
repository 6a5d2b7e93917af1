import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compileRedaction } from '../../src/rules/redaction/redaction.ts';
import { RecordBuilder } from '../../src/store/record-builder.ts';
import { Counters } from '../../src/telemetry/counters.ts';
import { type Row, toBatch } from '../export/rows.ts';

const SUMMARY = 1;

function record(row: Row) {
  const compiled = compileRedaction([], { hashKey: Buffer.from('key') });
  assert(compiled.ok);
  const builder = new RecordBuilder({
    redaction: compiled.redaction,
    processOf: () => ({
      process: { pid: 1, exe: '', name: 'nginx', container: undefined, pod: undefined },
      tags: [],
    }),
    toUnixMs: (timeNs) => timeNs / 1e6,
    isInternal: () => true,
    decodedBytesMax: 1024,
    counters: new Counters(),
  });
  builder.open(toBatch([row]));
  return builder.build(0, SUMMARY);
}

describe('the request of a record', () => {
  for (const [method, target, url, path] of [
    ['GET', '/a?b=c', 'http://shop.example/a?b=c', '/a'],
    ['OPTIONS', '*', 'http://shop.example', '*'],
    ['GET', 'http://u:p@far:81/x?y', 'http://far:81/x?y', '/x'],
    ['GET', 'http://far', 'http://far/', '/'],
    ['GET', 'http://far?y', 'http://far/?y', '/'],
    ['CONNECT', 'far:443', 'http://far:443', ''],
    ['GET', '/a#b?c', 'http://shop.example/a#b?c', '/a'],
    ['GET', '/a b', 'http://shop.example/a b', '/a b'],
  ] as const) {
    test(`${method} ${target}`, () => {
      const { request } = record({ method, target });
      assert.deepEqual([request.method, request.url, request.path], [method, url, path]);
    });
  }

  test('without Host is named by its path', () => {
    const { request } = record({ target: '/a', headers: [] });
    assert.deepEqual([request.url, request.authority], ['/a', '']);
  });
});
