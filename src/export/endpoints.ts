/**
 * Who asked whom for what, as the request says it: scheme, server and client with the precedence
 * of the semantic conventions (Forwarded, X-Forwarded-*, the target, Host). One object serves all
 * rows; what was found lies in `slice` and `authority` until the next search.
 */
import { Authority } from '../handoff/authority.ts';
import { SLOT } from '../handoff/known-headers.ts';
import { FLAG, U32 } from '../handoff/layout.ts';
import type { RequestLine } from '../handoff/request-line.ts';
import { firstElement, forwardedParameter, isWord, Slice } from './forwarded.ts';
import { SCHEME } from './methods.ts';

export class Endpoints {
  readonly slice = new Slice();
  readonly authority = new Authority();
  readonly #line: RequestLine;

  /** `line` is that of the row at hand. */
  constructor(line: RequestLine) {
    this.#line = line;
  }

  /** Value of a known header in `slice`. */
  findHeader(u32: Uint32Array, u: number, slot: number): boolean {
    const at = u + U32.known + 2 * slot;
    if (u32[at + 1] <= u32[at]) return this.slice.clear();
    const head = u32[u + U32.requestHeadOffset];
    this.slice.start = head + u32[at];
    this.slice.end = head + u32[at + 1];
    return true;
  }

  /** The same, and nothing where it was cut: half an address is another one, or a user of a URL. */
  #findWhole(u32: Uint32Array, u: number, slot: number): boolean {
    const headEnd = u32[u + U32.requestHeadOffset] + u32[u + U32.requestHeadBytes];
    return this.findHeader(u32, u, slot) && (this.slice.end < headEnd || this.slice.clear());
  }

  /** One of SCHEME: as forwarded, else what this connection is. Other words stay in `slice`. */
  findScheme(u32: Uint32Array, u: number, bytes: Uint8Array): number {
    const { slice } = this;
    if (!this.#findForwarded(u32, u, bytes, 'proto', SLOT['x-forwarded-proto'])) {
      return (u32[u + U32.flags] & FLAG.tls) === 0 ? SCHEME.http : SCHEME.https;
    }
    if (isWord(bytes, slice, 'http')) return SCHEME.http;
    return isWord(bytes, slice, 'https') ? SCHEME.https : SCHEME.other;
  }

  /** The server that the client meant, in `authority`: as forwarded, else `findTarget`. */
  findServer(u32: Uint32Array, u: number, bytes: Uint8Array): boolean {
    const isFound =
      this.#findForwarded(u32, u, bytes, 'host', SLOT['x-forwarded-host']) ||
      this.findTarget(u32, u);
    return isFound && this.#parse(bytes);
  }

  /** The authority that the request itself names, in `slice`: RFC 9112 3.2.2, its target's. */
  findTarget(u32: Uint32Array, u: number): boolean {
    const line = this.#line;
    if (line.authorityEnd <= line.authorityStart) return this.#findWhole(u32, u, SLOT.host);
    this.slice.start = line.authorityStart;
    this.slice.end = line.authorityEnd;
    return true;
  }

  /** The client as forwarded, in `authority`; false when it is the peer. */
  findClient(u32: Uint32Array, u: number, bytes: Uint8Array): boolean {
    const isFound = this.#findForwarded(u32, u, bytes, 'for', SLOT['x-forwarded-for']);
    // RFC 7239 6.2: "unknown" says that there was one, not which.
    return isFound && !isWord(bytes, this.slice, 'unknown') && this.#parse(bytes);
  }

  #findForwarded(
    u32: Uint32Array,
    u: number,
    bytes: Uint8Array,
    parameter: string,
    slot: number,
  ): boolean {
    const { slice } = this;
    return (
      (this.#findWhole(u32, u, SLOT.forwarded) &&
        forwardedParameter(bytes, slice.start, slice.end, parameter, slice)) ||
      (this.#findWhole(u32, u, slot) && firstElement(bytes, slice.start, slice.end, slice))
    );
  }

  #parse(bytes: Uint8Array): boolean {
    this.authority.parse(bytes, this.slice.start, this.slice.end);
    return this.authority.hostEnd > this.authority.hostStart;
  }
}
