import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode, Message } from '../../../src/discover/runtime/message.ts';
import { withEntries } from './fake-runtimes.ts';

test('texts, messages and string maps are read by field number', () => {
  const inner = encode({ 1: 'shop', 2: { 3: 'deep' } });
  const message = new Message(withEntries(8, { app: 'x', 'a.b/c': 'ü' }, inner));
  assert.equal(message.text(1), 'shop');
  assert.equal(message.message(2).text(3), 'deep');
  assert.deepEqual(message.entries(8), [
    ['app', 'x'],
    ['a.b/c', 'ü'],
  ]);
});

test('what is absent is empty', () => {
  const message = new Message(new Uint8Array());
  assert.equal(message.text(1), '');
  assert.equal(message.message(2).text(3), '');
  assert.deepEqual(message.messages(2), []);
});

test('fields of every other kind are passed over', () => {
  // 1: varint 300, 2: fixed64, 3: fixed32, 4: 'x' (encoding guide of protocol buffers).
  const bytes = [0x08, 0xac, 0x02, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1d, 1, 2, 3, 4, 0x22, 1, 0x78];
  const message = new Message(Buffer.from(bytes));
  assert.equal(message.text(4), 'x');
  assert.equal(message.text(1), '');
});

test('bytes that are no message are refused', () => {
  for (const bytes of [[0x0a, 5, 0x61], [0x08], [0x0f], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]]) {
    assert.throws(() => new Message(Buffer.from(bytes)), Error, bytes.join());
  }
});
