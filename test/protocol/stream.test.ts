import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Stream } from '../../src/protocol/stream.ts';

describe('a stream', () => {
  test('takes bytes that follow on', () => {
    const stream = new Stream(0);
    assert.deepEqual([stream.arrive(0, 10), stream.arrive(10, 5)], [0, 0]);
    assert.equal(stream.expected, 15);
  });

  test('tells how many bytes are missing before an event', () => {
    const stream = new Stream(100);
    assert.equal(stream.arrive(130, 10), 30);
    assert.equal(stream.expected, 140);
  });

  test('tells how many bytes of an event were passed', () => {
    const stream = new Stream(0);
    stream.arrive(0, 100);
    assert.equal(stream.arrive(90, 20), -10);
    assert.equal(stream.expected, 110);
    assert.equal(stream.arrive(0, 20), -110);
    assert.equal(stream.expected, 110, 'late bytes move nothing');
  });

  test('begins wherever its first event lies when its start was not seen', () => {
    const stream = new Stream(-1);
    assert.equal(stream.arrive(5000, 10), 0);
    assert.equal(stream.arrive(5020, 10), 10);
  });
});
