/**
 * Wall clock for kernel times. The kernel stamps CLOCK_MONOTONIC; spans need Unix time. The
 * offset between the two moves when somebody sets the clock, when NTP slews it, and when the host
 * was suspended (monotonic time stands still then). It is measured every second, and at once when
 * the millisecond clock disagrees with it.
 *
 * JavaScript reads the wall clock in milliseconds only, so a measurement waits for the moment at
 * which the millisecond changes: on average half a millisecond of work a second, exact to well
 * below a microsecond. Older offsets are kept, so that exchanges that ended before a step keep the
 * time that was true then.
 */

export interface ClockSource {
  monotonicNs(): bigint;
  /** Unix milliseconds, rounded down. */
  wallMs(): number;
}

export const systemClock: ClockSource = {
  monotonicNs: () => process.hrtime.bigint(),
  wallMs: () => Date.now(),
};

/** Unix time minus monotonic time, in nanoseconds, as two 32-bit halves. */
export interface Offset {
  readonly high: number;
  readonly low: number;
  readonly ns: bigint;
  /** Monotonic time from which it holds. */
  readonly sinceNs: number;
}

const MEASURE_INTERVAL_MS = 1_000;
const NS_PER_MS = 1_000_000n;
/** A tick is wanted within a bracket this narrow; an interrupted one is measured again. */
const BRACKET_NS = 3_000n;
const TICKS_MAX = 3;
/** A wall clock that does not tick for this long is not waited for. */
const TICK_WAIT_NS = 4n * NS_PER_MS;
/** Smaller changes are slew and drift: the same offset, known better. */
const STEP_NS = 1n * NS_PER_MS;
const HISTORY_MAX = 16;
const TWO_32 = 2 ** 32;

export class WallClock {
  readonly #source: ClockSource;
  /** Newest first. */
  #history: Offset[];
  #agreedNs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(source: ClockSource = systemClock) {
    this.#source = source;
    this.#history = [toOffset(this.#readOffset(), 0)];
    this.#agreedNs = Number(source.monotonicNs());
  }

  /** Measures every second until `stop`; does not keep the process alive. */
  start(): void {
    this.#timer ??= setInterval(() => this.measure(), MEASURE_INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  measure(): void {
    const ns = this.#readOffset();
    const [current] = this.#history;
    const change = ns - current.ns;
    if (change < STEP_NS && change > -STEP_NS) {
      this.#history[0] = toOffset(ns, current.sinceNs);
    } else {
      this.#history = [toOffset(ns, this.#agreedNs), ...this.#history].slice(0, HISTORY_MAX);
    }
    this.#agreedNs = Number(this.#source.monotonicNs());
  }

  /** Unix milliseconds, with fractions, of a monotonic time. */
  toUnixMs(timeNs: number): number {
    return (timeNs + Number(this.at(timeNs).ns)) / 1e6;
  }

  /** Cheap look for a step; call it once a batch. */
  check(): void {
    const now = this.#source.monotonicNs();
    const wallNs = BigInt(this.#source.wallMs()) * NS_PER_MS;
    const error = wallNs - (now + this.#history[0].ns);
    // Rounded down by up to a millisecond, plus what slew and reading take.
    if (error > STEP_NS || error < -2n * STEP_NS) this.measure();
    else this.#agreedNs = Number(now);
  }

  /** The offset that held at a monotonic time. */
  at(monotonicNs: number): Offset {
    const history = this.#history;
    const [current] = history;
    if (monotonicNs >= current.sinceNs) return current;
    return history.find((offset) => monotonicNs >= offset.sinceNs) ?? history[history.length - 1];
  }

  /** Unix nanoseconds. */
  unixNowNs(): bigint {
    const ns = this.#source.monotonicNs();
    return ns + this.at(Number(ns)).ns;
  }

  /** Of up to three ticks of the wall clock, the one that was seen in the narrowest bracket. */
  #readOffset(): bigint {
    let best = { bracketNs: -1n, ns: 0n };
    for (let tick = 0; tick < TICKS_MAX; tick++) {
      const seen = this.#awaitTick();
      if (best.bracketNs < 0n || seen.bracketNs < best.bracketNs) best = seen;
      if (best.bracketNs <= BRACKET_NS) break;
    }
    return best.ns;
  }

  /** `lower` is taken before the last reading that had not ticked: the tick lies behind it. */
  #awaitTick(): { bracketNs: bigint; ns: bigint } {
    const source = this.#source;
    const begin = source.monotonicNs();
    const first = source.wallMs();
    for (let lower = begin, before = begin; ; ) {
      const wallMs = source.wallMs();
      const after = source.monotonicNs();
      if (wallMs !== first) {
        const middle = (lower + after) / 2n;
        return { bracketNs: after - lower, ns: BigInt(wallMs) * NS_PER_MS - middle };
      }
      if (after - begin > TICK_WAIT_NS) {
        const half = NS_PER_MS / 2n;
        return { bracketNs: after - begin, ns: BigInt(wallMs) * NS_PER_MS + half - after };
      }
      lower = before;
      before = after;
    }
  }
}

function toOffset(ns: bigint, sinceNs: number): Offset {
  const bits = BigInt.asUintN(64, ns);
  return { ns, sinceNs, high: Number(bits >> 32n), low: Number(bits & 0xffffffffn) };
}

/** Halves of (monotonic + offset) modulo 2^64; exact, without a bigint. */
export function toUnix(
  monotonicNs: number,
  offset: Offset,
  into: { high: number; low: number },
): void {
  const whole = Math.floor(monotonicNs);
  const high = Math.floor(whole / TWO_32);
  const low = whole - high * TWO_32 + offset.low;
  into.low = low >>> 0;
  into.high = (high + offset.high + (low >= TWO_32 ? 1 : 0)) >>> 0;
}
