/**
 * Series by the server that was asked: found by the bytes of its name in a request, without
 * making a string of them. Names come from Host headers, so from anybody: bounded by its user.
 */
import type { Series } from './series.ts';

/** A DNS name has 253 characters; a longer name is nobody's. */
const ADDRESS_BYTES_MAX = 255;
/** Names of one hash; more is no accident. */
const CHAIN_MAX = 16;

export interface Address {
  readonly bytes: Uint8Array;
  readonly port: number;
  readonly next: Address | undefined;
  /** By `RowKey.value`. */
  readonly series: Map<number, Series>;
}

export class AddressTable {
  readonly #byHash = new Map<number, Address>();
  readonly #hashOf: typeof hashOf;

  constructor(hash = hashOf) {
    this.#hashOf = hash;
  }

  find(bytes: Uint8Array, start: number, end: number, port: number): Address | undefined {
    let address = this.#byHash.get(this.#hashOf(bytes, start, end, port));
    while (address !== undefined && !isSame(address, bytes, start, end, port)) {
      address = address.next;
    }
    return address;
  }

  /** One that was not found; undefined when it is too long, or too many share its hash. */
  add(bytes: Uint8Array, start: number, end: number, port: number): Address | undefined {
    const hash = this.#hashOf(bytes, start, end, port);
    const next = this.#byHash.get(hash);
    let sharing = 0;
    for (let other = next; other !== undefined; other = other.next) sharing++;
    if (end - start > ADDRESS_BYTES_MAX || sharing >= CHAIN_MAX) return undefined;
    const address = { bytes: bytes.slice(start, end), port, next, series: new Map() };
    this.#byHash.set(hash, address);
    return address;
  }

  *all(): Iterable<Series> {
    for (const first of this.#byHash.values()) {
      for (let at: Address | undefined = first; at !== undefined; at = at.next) {
        yield* at.series.values();
      }
    }
  }
}

/** FNV-1a in 30 bits: a small integer. */
function hashOf(bytes: Uint8Array, start: number, end: number, port: number): number {
  let hash = 0x811c9dc5 ^ port;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return (hash ^ (hash >>> 15)) & 0x3fffffff;
}

function isSame(
  address: Address,
  bytes: Uint8Array,
  start: number,
  end: number,
  port: number,
): boolean {
  const { bytes: known } = address;
  if (address.port !== port || known.length !== end - start) return false;
  let i = 0;
  while (i < known.length && known[i] === bytes[start + i]) i++;
  return i === known.length;
}
