import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ClockSource, toUnix, WallClock } from '../../src/export/clock.ts';

const EPOCH_NS = 1_763_000_000_123_456_789n;
const MS = 1_000_000n;
const SECOND = 1_000_000_000n;

/** Two clocks of one host; reading either takes 40 ns. */
class FakeHost implements ClockSource {
  monotonic = 1_000n * SECOND;
  offset = EPOCH_NS;
  /** One reading that takes longer, as when the thread loses its core. */
  stalls = new Map<number, bigint>();
  #readings = 0;

  monotonicNs(): bigint {
    return this.#read();
  }

  wallMs(): number {
    return Number((this.#read() + this.offset) / MS);
  }

  pass(ns: bigint): void {
    this.monotonic += ns;
  }

  /** Monotonic time stands still, the wall clock goes on. */
  suspend(ns: bigint): void {
    this.offset += ns;
  }

  /** `inReadings` counts from the next one. */
  stallIn(inReadings: number, ns: bigint): void {
    this.stalls.set(this.#readings + inReadings, ns);
  }

  #read(): bigint {
    this.monotonic += 40n + (this.stalls.get(++this.#readings) ?? 0n);
    return this.monotonic;
  }
}

function errorOf(clock: WallClock, host: FakeHost): bigint {
  const difference = clock.at(Number(host.monotonic)).ns - host.offset;
  return difference < 0n ? -difference : difference;
}

describe('the offset', () => {
  test('is exact to a fraction of a microsecond, from a clock of milliseconds', () => {
    const host = new FakeHost();
    assert.ok(errorOf(new WallClock(host), host) < 500n);
  });

  test('is right when the thread stalled at the tick: the next tick is taken', () => {
    for (let reading = 1; reading < 60; reading++) {
      const host = new FakeHost();
      host.stallIn(reading, 700_000n);
      assert.ok(errorOf(new WallClock(host), host) < 500n, `stalled at reading ${reading}`);
    }
  });

  test('follows slew within a second', () => {
    const host = new FakeHost();
    const clock = new WallClock(host);
    for (let second = 0; second < 20; second++) {
      host.pass(SECOND);
      host.offset += 400_000n;
      clock.measure();
      assert.ok(errorOf(clock, host) < 500n);
    }
  });

  test('does not wait for a wall clock that stands still', () => {
    const host = new FakeHost();
    const frozen = Number(EPOCH_NS / MS);
    const clock = new WallClock({ monotonicNs: () => host.monotonicNs(), wallMs: () => frozen });
    const wall = clock.at(0).ns + host.monotonic;
    assert.ok(wall > BigInt(frozen - 20) * MS && wall < BigInt(frozen + 20) * MS);
  });
});

describe('a step of the wall clock', () => {
  for (const step of [3_600n * SECOND, -3_600n * SECOND, 5n * MS, -5n * MS]) {
    test(`by ${step} ns is followed by the next measurement`, () => {
      const host = new FakeHost();
      const clock = new WallClock(host);
      host.pass(SECOND);
      host.offset += step;
      clock.measure();
      assert.ok(errorOf(clock, host) < 500n);
    });

    test(`by ${step} ns is noticed by the check that each batch makes`, () => {
      const host = new FakeHost();
      const clock = new WallClock(host);
      host.pass(10n * MS);
      clock.check();
      host.offset += step;
      host.pass(10n * MS);
      clock.check();
      assert.ok(errorOf(clock, host) < 500n);
    });
  }

  test('leaves what ended before it at the time that was true then', () => {
    const host = new FakeHost();
    const clock = new WallClock(host);
    const before = Number(host.monotonic);
    const offsetBefore = clock.at(before).ns;
    host.pass(SECOND);
    clock.measure();
    host.offset += 60n * SECOND;
    host.pass(SECOND);
    clock.measure();
    assert.ok(clock.at(before).ns - offsetBefore < 500n);
    assert.ok(errorOf(clock, host) < 500n);
  });

  test('is remembered with many others, the oldest forgotten first', () => {
    const host = new FakeHost();
    const clock = new WallClock(host);
    for (let i = 0; i < 100; i++) {
      host.pass(SECOND);
      host.offset += 10n * SECOND;
      clock.measure();
    }
    assert.ok(errorOf(clock, host) < 500n);
    assert.ok(clock.at(0).ns > EPOCH_NS, 'before the oldest that is kept: the oldest that is kept');
  });
});

test('a suspend is followed as soon as the host runs again', () => {
  const host = new FakeHost();
  const clock = new WallClock(host);
  const before = Number(host.monotonic);
  const offsetBefore = clock.at(before).ns;
  host.pass(SECOND);
  clock.check();
  host.suspend(8n * 3_600n * SECOND);
  host.pass(20n * MS);
  clock.check();
  assert.ok(errorOf(clock, host) < 500n);
  assert.equal(clock.at(before).ns, offsetBefore, 'what ended before the suspend keeps its time');
});

test('a check that agrees measures nothing anew', () => {
  const host = new FakeHost();
  const clock = new WallClock(host);
  const offset = clock.at(Number(host.monotonic));
  for (let i = 0; i < 1_000; i++) {
    host.pass(777_777n);
    clock.check();
  }
  assert.equal(clock.at(Number(host.monotonic)), offset);
});

test('the real clock agrees with the real time of day', () => {
  const clock = new WallClock();
  const monotonic = process.hrtime.bigint();
  const wallMs = Number((monotonic + clock.at(Number(monotonic)).ns) / MS);
  assert.ok(Math.abs(wallMs - Date.now()) <= 50);
});

test('a started clock measures by itself and lets the process end', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const host = new FakeHost();
  const clock = new WallClock(host);
  clock.start();
  clock.start();
  host.offset += 5n * SECOND;
  t.mock.timers.tick(1_000);
  assert.ok(errorOf(clock, host) < 500n);
  clock.stop();
  host.offset += 5n * SECOND;
  t.mock.timers.tick(5_000);
  assert.ok(errorOf(clock, host) > SECOND);
});

describe('toUnix', () => {
  const convert = (monotonicNs: number, offsetNs: bigint): bigint => {
    const time = { high: 0, low: 0 };
    const bits = BigInt.asUintN(64, offsetNs);
    const high = Number(bits >> 32n);
    toUnix(monotonicNs, { ns: offsetNs, sinceNs: 0, high, low: Number(bits & 0xffffffffn) }, time);
    return (BigInt(time.high) << 32n) | BigInt(time.low);
  };

  test('adds exactly, carries between the halves included', () => {
    for (const monotonic of [0, 1, 2 ** 32 - 1, 2 ** 32, 123_456_789_012_345, 2 ** 53 - 1]) {
      for (const offset of [
        0n,
        1n,
        EPOCH_NS,
        0xffffffffn,
        (1n << 32n) - 1n,
        EPOCH_NS | 0xffffffffn,
      ]) {
        assert.equal(convert(monotonic, offset), BigInt(monotonic) + offset);
      }
    }
  });

  test('takes an offset below zero: a host whose clock was never set', () => {
    assert.equal(convert(5_000_000_000, -3_000_000_000n), 2_000_000_000n);
  });
});
