/**
 * What other stages know about an exchange and no column holds: process, container, pod, tags, TLS,
 * what the proxy changed. Keyed by the schema's full names, e.g. `src.container.labels.app`.
 */
import type { ExchangeBatch } from '../../handoff/layout.ts';

export type FactValue = string | number | boolean | readonly string[];
export type Facts = Readonly<Record<string, FactValue>>;

export interface FactSource {
  /** Of the process with this index (`U32.process`); a changed process is a new object. */
  process(index: number): Facts;
  /** `tls.*` of a connection by its id. */
  connection(id: number): Facts;
  /** `link.changed.*`, `link.added.*` and `link.removed.*` of a row: `changesOf` of changes.ts. */
  link(batch: ExchangeBatch, row: number): Facts;
}

export const NO_FACTS: Facts = {};

/** Facts with their texts as bytes, made when they are first asked for. */
export class EncodedFacts {
  readonly facts: Facts;
  readonly #texts = new Map<string, Uint8Array | null>();

  constructor(facts: Facts) {
    this.facts = facts;
  }

  /** Bytes of a fact that is text; null when there is no such fact. */
  text(name: string): Uint8Array | null {
    const known = this.#texts.get(name);
    if (known !== undefined) return known;
    const value = this.facts[name];
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : null;
    // Names come from the rules of the file: they are few.
    this.#texts.set(name, bytes);
    return bytes;
  }
}
