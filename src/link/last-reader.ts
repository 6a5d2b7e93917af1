/**
 * Order tier for programs in which one execution context (a thread of Apache, a goroutine of Go)
 * reads a request and sends the requests it causes itself: the egress belongs to the request that
 * its writer read last, while that is in progress.
 */
import type { Counters } from '../telemetry/counters.ts';
import type { LinkNode } from './node.ts';
import type { OrderTier } from './order.ts';

/** Contexts remembered; beyond it the oldest is forgotten: `link.order_forgotten`. */
const CONTEXTS_MAX = 16_384;

export class LastReader implements OrderTier {
  readonly confidencePpm = 990_000;
  readonly isValidated = true;
  readonly #counters: Counters;
  readonly #contextOf: (node: LinkNode) => number;
  /** Key: context. Replaced by its next request, deleted when the exchange ends. */
  readonly #current = new Map<number, LinkNode>();

  constructor(counters: Counters, contextOf: (node: LinkNode) => number) {
    this.#counters = counters;
    this.#contextOf = contextOf;
  }

  ingress(node: LinkNode): void {
    const context = this.#contextOf(node);
    if (context === 0) return;
    if (this.#current.size >= CONTEXTS_MAX) this.#forgetOldest();
    this.#current.set(context, node);
  }

  predict(egress: LinkNode): LinkNode | null {
    const context = this.#contextOf(egress);
    return context === 0 ? null : (this.#current.get(context) ?? null);
  }

  ended(ingress: LinkNode): void {
    const context = this.#contextOf(ingress);
    if (this.#current.get(context) === ingress) this.#current.delete(context);
  }

  read(): void {}
  opened(): void {}
  closed(): void {}
  linked(): void {}
  compared(): void {}

  #forgetOldest(): void {
    const oldest = this.#current.keys().next();
    if (oldest.done === true) return;
    this.#counters.add('link.order_forgotten');
    this.#current.delete(oldest.value);
  }
}
