/**
 * What not every kernel has: tried until it fails, told then, and not tried again. It will not do
 * better next time, and trying costs the verifier's time.
 */
import { messageOf } from '../telemetry/agent-error.ts';
export class Attempts {
  readonly #unavailable: (why: string) => void;
  #hasFailed = false;

  /** `unavailable` is told once. */
  constructor(unavailable: (why: string) => void) {
    this.#unavailable = unavailable;
  }

  /** What `work` returns; undefined when it failed, now or before. */
  try<T>(work: () => T): T | undefined {
    if (this.#hasFailed) return undefined;
    try {
      return work();
    } catch (error) {
      this.#hasFailed = true;
      this.#unavailable(messageOf(error));
      return undefined;
    }
  }
}
