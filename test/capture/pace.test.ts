import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PAUSE_MAX_MS, PAUSE_MIN_MS, Pace } from '../../src/capture/pace.ts';

const RING_BYTES = 8 * 1024 * 1024;

/** Looks as the worker does, each after the pause that the one before asked for. */
class Looks {
  readonly #pace = new Pace(RING_BYTES, 0);
  #nowMs = 0;
  pauseMs = 1;

  /** Bytes come in at a steady rate; returns the fill that the last look found. */
  at(bytesPerMs: number, looks: number): number {
    let fillBytes = 0;
    for (let i = 0; i < looks; i++) {
      fillBytes = bytesPerMs * this.pauseMs;
      this.#nowMs += this.pauseMs;
      this.pauseMs = this.#pace.next(fillBytes, this.#nowMs * 1e6);
    }
    return fillBytes;
  }
}

describe('the pause between two looks at the ring', () => {
  test('is long while nothing happens', () => {
    const looks = new Looks();
    looks.at(0, 20);
    assert.equal(looks.pauseMs, PAUSE_MAX_MS);
  });

  test('keeps a steady ring below a sixteenth, at any rate that the shortest pause can take', () => {
    for (const bytesPerMs of [1e3, 1e4, 2e4, 5e4, 1e5, 2e5]) {
      const fillBytes = new Looks().at(bytesPerMs, 50);
      assert.ok(fillBytes <= RING_BYTES / 16, `${bytesPerMs} bytes/ms: ${fillBytes} bytes`);
    }
  });

  test('is short at once when traffic comes up, and grows slowly when it ends', () => {
    const looks = new Looks();
    looks.at(0, 20);
    looks.at(2e5, 1);
    assert.equal(looks.pauseMs, PAUSE_MIN_MS);
    looks.at(0, 5);
    assert.ok(looks.pauseMs < 10, `${looks.pauseMs} ms`);
  });

  test('leaves room for a burst of ten times the rate', () => {
    const looks = new Looks();
    looks.at(3e4, 50);
    assert.ok(looks.at(3e5, 1) < RING_BYTES);
  });

  test('is shorter for a small ring, which a burst fills sooner', () => {
    const pace = new Pace(RING_BYTES / 8, 0);
    for (let i = 1; i < 20; i++) assert.ok(pace.next(0, i * 5e6) <= 5);
  });

  test('goes by the rate when a look comes late', () => {
    const pace = new Pace(RING_BYTES, 0);
    for (let i = 0; i < 20; i++) pace.next(0, i * 1e6);
    // 2 MB in 200 ms are 250 kB in the longest pause.
    assert.equal(pace.next(2e6, 220e6), PAUSE_MAX_MS);
  });
});
