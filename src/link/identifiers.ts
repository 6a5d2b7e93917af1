/**
 * Tier identifier: an egress carries a header value that exactly one open request of the process
 * came with. Any header counts, whatever its name, when its values have proven to be rare: of a
 * well-known identifier at once, of another name after a number of requests never repeated one.
 * Made for one process when it first needs the tier; nothing is kept for processes that do not.
 */
import type { Counters } from '../telemetry/counters.ts';
import { eachHeader } from './headers.ts';
import type { LinkNode } from './node.ts';

/** Headers that hold an identifier of one request; the full value is compared. */
const KNOWN = new Set([
  'x-request-id',
  'x-correlation-id',
  'traceparent',
  'b3',
  'x-b3-spanid',
  'uber-trace-id',
  'x-amzn-trace-id',
  'x-cloud-trace-context',
]);
/** Same for all requests of one client, so never an identifier of a request. */
const NEVER = new Set(['host', 'user-agent', 'cookie', 'authorization', 'x-b3-traceid']);

const KNOWN_BYTES_MIN = 8;
const OTHER_BYTES_MIN = 16;
/** Values of a name that must have been different before the name counts as identifying. */
const DISTINCT_MIN = 32;
/**
 * Names judged; beyond them: `link.names_ignored`. Values remembered, in two generations of this
 * size; an older one counts as new again: `link.identifiers_forgotten`.
 */
const NAMES_MAX = 256;
const VALUES_MAX = 8192;
/** Requests without a question after which a process that is linked exactly forgets all this. */
const IDLE_REQUESTS = 20_000;

/** `ingress` is null once several open requests came with the value, or an earlier one did. */
interface OpenValue {
  ingress: LinkNode | null;
  open: number;
}

interface NameRecord {
  distinct: number;
  hasRepeated: boolean;
}

export class Identifiers {
  readonly #counters: Counters;
  /** Names of headers that hold an identifier. */
  readonly #known: ReadonlySet<string>;
  /** Key: value. Inserted with the first open request that has it, deleted with the last. */
  readonly #open = new Map<string, OpenValue>();
  readonly #names = new Map<string, NameRecord>();
  /** Values that were seen before, newest generation and the one before it. */
  #seen = new Set<string>();
  #seenBefore = new Set<string>();
  /** Requests since an egress last looked for its parent here. */
  #sinceAsked = 0;

  /** `headers`: more that hold an identifier of one request, in lower case. */
  constructor(counters: Counters, headers: readonly string[] = []) {
    this.#counters = counters;
    this.#known = headers.length === 0 ? KNOWN : new Set([...KNOWN, ...headers]);
  }

  /** Values of open requests. */
  get size(): number {
    return this.#open.size;
  }

  /** Nobody asked for long: what is kept here costs more than it gives. */
  get isIdle(): boolean {
    return this.#sinceAsked > IDLE_REQUESTS;
  }

  /** A request that came in. */
  add(ingress: LinkNode): void {
    this.#sinceAsked++;
    const head = ingress.exchange?.request.bytes;
    if (head === undefined) return;
    eachHeader(head, (name, value) => {
      if (!this.#couldIdentify(name, value)) return;
      const known = this.#open.get(value);
      if (known?.ingress === ingress) return;
      const isNew = this.#remember(value);
      this.#judge(name, isNew);
      if (known === undefined) this.#open.set(value, { ingress: isNew ? ingress : null, open: 1 });
      else {
        known.ingress = null;
        known.open++;
      }
    });
  }

  /** The request was answered: its values stay remembered as used. */
  remove(head: Buffer): void {
    eachHeader(head, (name, value) => {
      const known = this.#couldIdentify(name, value) ? this.#open.get(value) : undefined;
      if (known !== undefined && --known.open === 0) this.#open.delete(value);
    });
  }

  /** The one open request that this egress shares a rare value with; 'several' when they differ. */
  find(egress: LinkNode): LinkNode | 'several' | null {
    this.#sinceAsked = 0;
    const head = egress.exchange?.request.bytes;
    if (head === undefined) return null;
    let found: LinkNode | 'several' | null = null;
    eachHeader(head, (name, value) => {
      if (!this.#couldIdentify(name, value) || !this.#isIdentifying(name)) return;
      const ingress = this.#open.get(value)?.ingress ?? null;
      if (ingress === null) return;
      found = found === null || found === ingress ? ingress : 'several';
    });
    return found;
  }

  #couldIdentify(name: string, value: string): boolean {
    if (NEVER.has(name)) return false;
    return value.length >= (this.#known.has(name) ? KNOWN_BYTES_MIN : OTHER_BYTES_MIN);
  }

  #isIdentifying(name: string): boolean {
    if (this.#known.has(name)) return true;
    const record = this.#names.get(name);
    return record !== undefined && !record.hasRepeated && record.distinct >= DISTINCT_MIN;
  }

  /** True when the value was not seen in the window before. */
  #remember(value: string): boolean {
    const isNew = !this.#seen.has(value) && !this.#seenBefore.has(value);
    if (this.#seen.size >= VALUES_MAX) {
      this.#counters.add('link.identifiers_forgotten', this.#seenBefore.size);
      this.#seenBefore = this.#seen;
      this.#seen = new Set();
    }
    this.#seen.add(value);
    return isNew;
  }

  #judge(name: string, isNew: boolean): void {
    if (this.#known.has(name)) return;
    const record = this.#names.get(name);
    if (record === undefined) {
      if (this.#names.size >= NAMES_MAX) this.#counters.add('link.names_ignored');
      else this.#names.set(name, { distinct: isNew ? 1 : 0, hasRepeated: !isNew });
    } else if (isNew) record.distinct++;
    else record.hasRepeated = true;
  }
}
