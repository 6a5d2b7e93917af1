import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Reader } from 'protobufjs/minimal.js';
import { encode } from '../../src/export/otlp/proto-writer.ts';
import type { AttributeValue } from '../../src/export/types.ts';

/** The AnyValue of the one attribute. */
function readValue(value: AttributeValue): Reader {
  const keyValue = Reader.create(encode((writer) => writer.keyValue(1, 'key', value)));
  assert.equal(keyValue.uint32(), (1 << 3) | 2);
  assert.equal(keyValue.uint32(), keyValue.len - keyValue.pos);
  assert.equal(keyValue.uint32(), (1 << 3) | 2);
  assert.equal(keyValue.string(), 'key');
  assert.equal(keyValue.uint32(), (2 << 3) | 2);
  assert.equal(keyValue.uint32(), keyValue.len - keyValue.pos);
  return keyValue;
}

describe('a protobuf writer', () => {
  for (const value of [0, 127, 128, 2 ** 32, Number.MAX_SAFE_INTEGER, -1, -(2 ** 40)]) {
    test(`writes ${value} as an integer`, () => {
      const reader = readValue(value);
      assert.equal(reader.uint32(), 3 << 3);
      assert.equal(Number(reader.int64()), value);
      assert.equal(reader.pos, reader.len);
    });
  }

  test('writes other numbers as doubles', () => {
    const reader = readValue(-0.5);
    assert.equal(reader.uint32(), (4 << 3) | 1);
    assert.equal(reader.double(), -0.5);
    assert.equal(reader.pos, reader.len);
  });

  test('has room for whatever comes, in messages as well', () => {
    const text = 'ä'.repeat(10_000);
    const reader = Reader.create(
      encode((writer) => {
        writer.message(1, (inner) => {
          for (let i = 0; i < 100; i++) inner.text(2, text);
        });
      }),
    );
    assert.equal(reader.uint32(), (1 << 3) | 2);
    const inner = Reader.create(reader.bytes());
    for (let i = 0; i < 100; i++) {
      assert.equal(inner.uint32(), (2 << 3) | 2);
      assert.equal(inner.string(), text);
    }
    assert.equal(inner.pos, inner.len);
  });
});
