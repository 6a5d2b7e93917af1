/**
 * What is said of something outside that fails: at most once a minute, and once when it is over,
 * so that an hour of it is sixty lines, also of what fails and works by turns.
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
  /** Somebody heard of it, and not that it is over. */
  #isOpen = false;

  constructor(log: ComplaintLog) {
    this.#log = log;
  }

  /** `message` is made only when it is said. */
  say(message: () => string): void {
    const nowMs = performance.now();
    if (nowMs - this.#saidMs < INTERVAL_MS) return;
    this.#saidMs = nowMs;
    this.#isOpen = true;
    this.#log.warn(message());
  }

  /** It is over; said only to those who heard of it. */
  end(message: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#log.info(message);
  }
}
