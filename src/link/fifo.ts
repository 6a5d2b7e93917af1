/**
 * Order tier of HAProxy: a stream's task runs later than the read that woke it, but each thread
 * runs its tasks in the order they were woken, so its n-th egress belongs to its n-th request.
 * Priorities and queues break that without a sign; it therefore links only after it named the same
 * ingress as program state a thousand times in a row, and starts over when it did not. While some
 * request could be sent again (its egress ended, it did not) nothing is predicted.
 */
import type { Counters } from '../telemetry/counters.ts';
import type { LinkNode } from './node.ts';
import type { OrderTier } from './order.ts';

const AGREEMENTS_MIN = 1000;
/**
 * Requests waiting on one thread; more are a queue, and queues are not run in order. They are
 * forgotten then: `link.order_forgotten`.
 */
const WAITING_MAX = 4096;

export class ThreadFifo implements OrderTier {
  readonly confidencePpm = 950_000;
  readonly #counters: Counters;
  #agreements = 0;
  /** Key: tid. Requests that have no egress yet, oldest first. */
  readonly #waiting = new Map<number, LinkNode[]>();
  /** Requests in progress that had an egress. */
  readonly #sent = new Set<LinkNode>();

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  get isValidated(): boolean {
    return this.#agreements >= AGREEMENTS_MIN;
  }

  ingress(node: LinkNode): void {
    const waiting = this.#waiting.get(node.tid);
    if (waiting === undefined) this.#waiting.set(node.tid, [node]);
    else if (waiting.push(node) > WAITING_MAX) this.#startOver(waiting);
  }

  predict(egress: LinkNode): LinkNode | null {
    const waiting = this.#waiting.get(egress.tid);
    if (waiting === undefined || waiting.length === 0) return null;
    for (const node of this.#sent)
      if (node.tid === egress.tid && node.openEgress === 0) return null;
    return waiting[0];
  }

  linked(_egress: LinkNode, ingress: LinkNode): void {
    this.#remove(ingress);
    if (!ingress.hasEnded) this.#sent.add(ingress);
  }

  /** Answered without an egress (cache, deny). */
  ended(ingress: LinkNode): void {
    if (!this.#sent.delete(ingress)) this.#remove(ingress);
  }

  compared(isSame: boolean): void {
    this.#agreements = isSame ? this.#agreements + 1 : 0;
  }

  read(): void {}
  opened(): void {}
  closed(): void {}

  #remove(node: LinkNode): void {
    const waiting = this.#waiting.get(node.tid);
    const index = waiting?.indexOf(node) ?? -1;
    if (index >= 0) waiting?.splice(index, 1);
  }

  #startOver(waiting: LinkNode[]): void {
    this.#counters.add('link.order_forgotten', waiting.length);
    waiting.length = 0;
    this.#agreements = 0;
  }
}
