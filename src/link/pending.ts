/** Egress exchanges that wait for events of the ingress connection that program state named. */
import type { LinkNode } from './node.ts';

export class Pending {
  /** Key: id of the ingress connection. Deleted when its next request is known, or by time. */
  readonly #byConnection = new Map<number, LinkNode[]>();

  get size(): number {
    return this.#byConnection.size;
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
    if (waiting === undefined) return [];
    this.#byConnection.delete(connectionId);
    return waiting;
  }

  /** Takes out everything that began to wait before `ns`. */
  takeOlderThan(ns: number): readonly LinkNode[] {
    const old: LinkNode[] = [];
    for (const [connectionId, waiting] of this.#byConnection) {
      const young = waiting.filter((egress) => egress.pendingSinceNs > ns);
      if (young.length === waiting.length) continue;
      for (const egress of waiting) if (egress.pendingSinceNs <= ns) old.push(egress);
      if (young.length === 0) this.#byConnection.delete(connectionId);
      else this.#byConnection.set(connectionId, young);
    }
    return old;
  }
}
