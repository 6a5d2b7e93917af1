/**
 * What is said of something outside that fails: at most once a minute, and once when it is over,
 * so that an hour of it is sixty lines.
 */

export interface ComplaintLog {
  info(message: string): void;
  warn(message: string): void;
}

const INTERVAL_MS = 60_000;
const NEVER = Number.NEGATIVE_INFINITY;

export class Complaint {
  readonly #log: ComplaintLog;
  #saidMs = NEVER;

  constructor(log: ComplaintLog) {
    this.#log = log;
  }

  /** `message` is made only when it is said. */
  say(message: () => string): void {
    const nowMs = performance.now();
    if (nowMs - this.#saidMs < INTERVAL_MS) return;
    this.#saidMs = nowMs;
    this.#log.warn(message());
  }

  /** It is over; said only to those who heard of it. */
  end(message: string): void {
    if (this.#saidMs === NEVER) return;
    this.#saidMs = NEVER;
    this.#log.info(message);
  }
}
