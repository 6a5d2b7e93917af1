import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Backlog } from '../../src/capture/backlog.ts';

/** Rings that hold these batches, each filled with its number. */
function ringsOf(...lengths: number[]) {
  let number = 0;
  const drain = (batch: Uint8Array) => {
    const length = lengths.shift() ?? 0;
    if (length > 0) batch.fill(++number, 0, length);
    return length;
  };
  return { drain, lengths };
}

describe('the backlog', () => {
  test('empties the rings before anything is processed, and keeps the order', () => {
    const { drain, lengths } = ringsOf(100, 100, 30, 100);
    const backlog = new Backlog({ drain, batchBytes: 100, bytesMax: 1000 });
    assert.equal(backlog.fill(7), 230);
    assert.deepEqual(lengths, [100], 'a batch that is not half full was the last one');
    const order: number[] = [];
    for (let taken = backlog.next(); taken !== undefined; taken = backlog.next()) {
      order.push(taken.bytes[0]);
      assert.ok(taken.bytes.subarray(0, taken.lenBytes).every((byte) => byte === order.at(-1)));
      backlog.release(taken);
    }
    assert.deepEqual(order, [1, 2, 3]);
  });

  test('leaves in the rings what it has no room for', () => {
    const { drain, lengths } = ringsOf(100, 100, 100);
    const backlog = new Backlog({ drain, batchBytes: 100, bytesMax: 250 });
    assert.equal(backlog.fill(1), 200);
    assert.equal(backlog.fill(2), 0);
    assert.deepEqual(lengths, [100]);
    const taken = backlog.next();
    assert.ok(taken);
    backlog.release(taken);
    assert.equal(backlog.fill(3), 100);
  });

  test('tells how far time has been processed', () => {
    const { drain } = ringsOf(100, 10, 60);
    const backlog = new Backlog({ drain, batchBytes: 100, bytesMax: 1000 });
    assert.equal(backlog.doneNs(5), 5);
    backlog.fill(10);
    backlog.fill(20);
    assert.equal(backlog.doneNs(30), 10);
    backlog.next();
    backlog.next();
    assert.equal(backlog.doneNs(30), 20);
    backlog.next();
    assert.equal(backlog.doneNs(30), 30);
    assert.ok(backlog.isEmpty);
  });
});
