import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TurnCount } from '../../src/protocol/http1/turns.ts';

describe('turns', () => {
  test('number requests one by one', () => {
    const turns = new TurnCount(true);
    assert.deepEqual([turns.next(1), turns.next(3), turns.next(5)], [1, 2, 3]);
  });

  test('give no ordinals when the start was not seen', () => {
    assert.equal(new TurnCount(false).next(1), 0);
  });

  test('tell how many requests lie between two', () => {
    const turns = new TurnCount(true);
    turns.next(1);
    assert.equal(turns.skipTo(9, 0, true), 3);
    assert.equal(turns.next(9), 5);
  });

  test('tell how many requests lie before the first one', () => {
    const turns = new TurnCount(true);
    assert.equal(turns.skipTo(5, 1, true), 2);
    assert.equal(turns.next(5), 3);
  });

  test('tell how many requests lie behind the last one', () => {
    const turns = new TurnCount(true);
    turns.next(1);
    assert.equal(turns.skipToEnd(2, 0), 0);
    assert.equal(turns.skipToEnd(3, 0), 1, 'a request without response');
  });

  test('that do not fit show pipelining, and ordinals are not known any more', () => {
    const turns = new TurnCount(true);
    turns.next(1);
    assert.equal(turns.skipTo(3, 1, true), 1);
    assert.equal(turns.isBent, true);
    assert.equal(turns.next(3), 0);
  });

  test('that go on with a request stand for none', () => {
    const turns = new TurnCount(true);
    turns.next(1);
    turns.skipContinuation(5);
    assert.equal(turns.skipTo(7, 0, true), 1);
  });

  test('that a 100 (Continue) announces stand for none, unless a request starts there', () => {
    const expected = new TurnCount(true);
    expected.next(1);
    expected.expectContinuation(5);
    assert.equal(expected.skipTo(7, 1, true), 1);
    const refuted = new TurnCount(true);
    refuted.next(1);
    refuted.expectContinuation(5);
    assert.equal(refuted.expects(5), true);
    assert.equal(refuted.skipTo(5, 1, true), 1);
  });
});
