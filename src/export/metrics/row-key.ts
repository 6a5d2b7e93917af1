/**
 * What an exchange is counted under, as one small number and, for a CLIENT, the server's address
 * as a range of bytes: method, scheme, version, status and error.type take few values, so that
 * rows find their series without a string. Derived as in spans (span.ts), by the same parts.
 */
import { FAMILY, FLAG, U32 } from '../../handoff/layout.ts';
import { RequestLine } from '../../handoff/request-line.ts';
import { toUtf8 } from '../bytes.ts';
import { Endpoints } from '../endpoints.ts';
import { KNOWN_METHODS, type Method, Methods, SCHEME } from '../methods.ts';
import { type Outcome, outcomeOf } from '../outcome.ts';
import { STATUS } from '../types.ts';
import type { Attributes } from './types.ts';

/** Three digits; the parser knows no others. */
const STATUS_MAX = 1_024;
/** Room for every U32.end, from 1; 0 when the status says what failed, or nothing did. */
const ERRORS_MAX = 16;

export class RowKey {
  isClient = false;
  value = 0;
  /** CLIENT: the server's host in the batch's bytes; empty when it is not known. */
  hostStart = 0;
  hostEnd = 0;
  /** 0 when there is none (Unix sockets), or redaction took it. */
  port = 0;
  readonly #methods: Methods;
  readonly #values: readonly string[];
  readonly #indexes = new Map<Method, number>();
  readonly #line = new RequestLine();
  readonly #endpoints = new Endpoints(this.#line);
  readonly #outcome: Outcome = { code: STATUS.unset, status: undefined, error: undefined };

  /** `known` as for `Methods`. */
  constructor(known: readonly string[] = KNOWN_METHODS) {
    this.#methods = new Methods(known);
    this.#values = [...known, '_OTHER'];
    const bytes = new Uint8Array(0);
    this.#indexes.set(this.#methods.find(bytes, 0, 0), known.length);
    known.forEach((name, index) => {
      const text = Buffer.from(name);
      this.#indexes.set(this.#methods.find(text, 0, text.length), index);
    });
  }

  /** Of the row that starts at `u` and `f`. */
  read(bytes: Uint8Array, u32: Uint32Array, f64: Float64Array, u: number, f: number): void {
    const line = this.#line;
    const head = u32[u + U32.requestHeadOffset];
    line.parse(bytes, head, head + u32[u + U32.requestHeadBytes]);
    this.isClient = (u32[u + U32.flags] & FLAG.client) !== 0;
    const isHttps = this.#isHttps(bytes, u32, u);
    if (this.isClient) this.#readServer(bytes, u32, u, isHttps);
    const method = this.#methods.find(bytes, line.methodStart, line.methodEnd);
    const index = this.#indexes.get(method) ?? 0;
    outcomeOf(u32, f64, u, f, this.#outcome);
    const error = this.#outcome.error === undefined ? 0 : 1 + u32[u + U32.end];
    const plain = (index * 2 + (isHttps ? 1 : 0)) * 2 + line.minor;
    const status = Math.min(u32[u + U32.status], STATUS_MAX - 1);
    this.value = (plain * ERRORS_MAX + error) * STATUS_MAX + status;
  }

  /** The row that was read last, in words: what its series is called. */
  attributes(bytes: Uint8Array): Attributes {
    const plain = Math.floor(this.value / (STATUS_MAX * ERRORS_MAX));
    const { status, error } = this.#outcome;
    return {
      'http.request.method': this.#values[plain >> 2],
      ...(this.isClient ? this.#server(bytes) : { 'url.scheme': plain & 2 ? 'https' : 'http' }),
      'network.protocol.version': plain & 1 ? '1.1' : '1.0',
      ...Object.fromEntries(status?.attributes ?? []),
      ...Object.fromEntries(error?.attributes ?? []),
    };
  }

  /**
   * A SERVER's as forwarded. A word that is neither is whatever a client sent: for it, and for a
   * CLIENT, the scheme is that of the connection.
   */
  #isHttps(bytes: Uint8Array, u32: Uint32Array, u: number): boolean {
    const isTls = (u32[u + U32.flags] & FLAG.tls) !== 0;
    if (this.isClient) return isTls;
    const scheme = this.#endpoints.findScheme(u32, u, bytes);
    return scheme === SCHEME.other ? isTls : scheme === SCHEME.https;
  }

  #readServer(bytes: Uint8Array, u32: Uint32Array, u: number, isHttps: boolean): void {
    const { slice, authority } = this.#endpoints;
    if (this.#endpoints.findTarget(u32, u)) {
      authority.parse(bytes, slice.start, slice.end);
      this.hostStart = authority.hostStart;
      this.hostEnd = Math.max(authority.hostEnd, authority.hostStart);
      const usualPort = isHttps ? 443 : 80;
      this.port = authority.isReplaced ? 0 : authority.port || usualPort;
      return;
    }
    this.hostStart = u32[u + U32.remoteAddressOffset];
    this.hostEnd = this.hostStart + u32[u + U32.remoteAddressBytes];
    this.port = u32[u + U32.family] === FAMILY.unix ? 0 : u32[u + U32.remotePort];
  }

  #server(bytes: Uint8Array): Attributes {
    if (this.hostEnd === this.hostStart) return {};
    return {
      'server.address': toUtf8(bytes, this.hostStart, this.hostEnd).toString(),
      ...(this.port === 0 ? {} : { 'server.port': this.port }),
    };
  }
}
