/** Egress exchanges that wait for events of the ingress connection that program state named. */
import type { LinkNode } from './node.ts';

const NONE: readonly LinkNode[] = [];

export class Pending {
  /** Key: id of the ingress connection. Deleted when its next request is known, or by time. */
  readonly #byConnection = new Map<number, LinkNode[]>();

  get size(): number {
    return this.#byConnection.size;
  }

  has(connectionId: number): boolean {
    return this.#byConnection.has(connectionId);
  }

  add(connectionId: number, egress: LinkNode, sinceNs: number): void {
    egress.pendingSinceNs = sinceNs;
    const waiting = this.#byConnection.get(connectionId);
    if (waiting === undefined) this.#byConnection.set(connectionId, [egress]);
    else waiting.push(egress);
  }

  /** Takes out everything that waits for this connection. */
  take(connectionId: number): readonly LinkNode[] {
    const waiting = this.#byConnection.get(connectionId);
    if (waiting === undefined) return NONE;
    this.#byConnection.delete(connectionId);
    return waiting;
  }

  takeAll(): readonly LinkNode[] {
    if (this.#byConnection.size === 0) return NONE;
    const all = [...this.#byConnection.values()].flat();
    this.#byConnection.clear();
    return all;
  }
}
