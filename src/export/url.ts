/**
 * url.path and url.query of a SERVER, url.full of a CLIENT: as the request has them, with
 * credentials and sensitive query parameters replaced (semconv "url" registry).
 */
import { REDACTED, withoutUsers } from '../config/secrets.ts';
import { FAMILY, U32 } from '../handoff/layout.ts';
import type { RequestLine } from '../handoff/request-line.ts';
import { key } from './attributes.ts';
import { ByteSource, latin1, Scratch } from './bytes.ts';
import type { Endpoints } from './endpoints.ts';
import type { QueryRedaction } from './redaction.ts';
import type { Rows } from './rows.ts';
import type { SpanSink } from './types.ts';

const URL_PATH = key('url.path');
const URL_QUERY = key('url.query');
const URL_FULL = key('url.full');

const ASTERISK = 0x2a;
const AT = 0x40;
const PERCENT = 0x25;

const HTTP = ByteSource.of('http://');
const HTTPS = ByteSource.of('https://');

export class UrlAttributes {
  readonly #line: RequestLine;
  readonly #endpoints: Endpoints;
  readonly #redaction: QueryRedaction;
  readonly #scratch = new Scratch();

  constructor(line: RequestLine, endpoints: Endpoints, redaction: QueryRedaction) {
    this.#line = line;
    this.#endpoints = endpoints;
    this.#redaction = redaction;
  }

  describeParts(source: ByteSource, sink: SpanSink): void {
    const line = this.#line;
    if (line.pathEnd > line.pathStart) this.#describePath(source, sink);
    else if (line.schemeEnd > line.schemeStart) sink.text(URL_PATH, HTTP, 5, 6);
    if (!line.hasQuery || line.queryEnd === line.queryStart) return;
    if (!this.#redaction.isNeeded(source.bytes, line.queryStart, line.queryEnd)) {
      sink.text(URL_QUERY, source, line.queryStart, line.queryEnd);
      return;
    }
    const scratch = this.#scratch;
    scratch.reset();
    this.#redaction.append(source.bytes, line.queryStart, line.queryEnd, scratch);
    sink.text(URL_QUERY, scratch.source, 0, scratch.pos);
  }

  #describePath(source: ByteSource, sink: SpanSink): void {
    const { pathStart, pathEnd } = this.#line;
    if (!mayHaveUser(source.bytes, pathStart, pathEnd)) {
      sink.text(URL_PATH, source, pathStart, pathEnd);
      return;
    }
    const scratch = this.#scratch;
    scratch.reset();
    this.#appendPath(source.bytes);
    sink.text(URL_PATH, scratch.source, 0, scratch.pos);
  }

  /** Gateways take whole URLs in it. */
  #appendPath(bytes: Uint8Array): void {
    const { pathStart, pathEnd } = this.#line;
    if (mayHaveUser(bytes, pathStart, pathEnd)) {
      this.#scratch.appendText(withoutUsers(latin1(bytes, pathStart, pathEnd)));
    } else this.#scratch.append(bytes, pathStart, pathEnd);
  }

  /** With `hasHost` the endpoints hold what `findTarget` found, parsed. */
  describeFull(rows: Rows, u: number, isTls: boolean, hasHost: boolean, sink: SpanSink): void {
    const { bytes } = rows.source;
    const line = this.#line;
    const scratch = this.#scratch;
    scratch.reset();
    if (line.schemeEnd > line.schemeStart) {
      scratch.append(bytes, line.schemeStart, line.authorityStart);
    } else scratch.append(isTls ? HTTPS.bytes : HTTP.bytes, 0, isTls ? 8 : 7);
    if (hasHost) this.#appendAuthority(bytes);
    else this.#appendPeer(rows, u);
    // RFC 9112 3.3: the URI of an asterisk-form ("OPTIONS *") has neither path nor query.
    if (bytes[this.#line.pathStart] !== ASTERISK) this.#appendPath(bytes);
    if (line.hasQuery) this.#appendQuery(bytes);
    sink.text(URL_FULL, scratch.source, 0, scratch.pos);
  }

  #appendQuery(bytes: Uint8Array): void {
    const { queryStart, queryEnd } = this.#line;
    this.#scratch.appendText('?');
    if (this.#redaction.isNeeded(bytes, queryStart, queryEnd)) {
      this.#redaction.append(bytes, queryStart, queryEnd, this.#scratch);
    } else this.#scratch.append(bytes, queryStart, queryEnd);
  }

  #appendAuthority(bytes: Uint8Array): void {
    const { userEnd, hasUser } = this.#endpoints.authority;
    const { start, end } = this.#endpoints.slice;
    if (hasUser) {
      const hasPassword = bytes.subarray(start, userEnd).includes(0x3a);
      this.#scratch.appendText(hasPassword ? `${REDACTED}:${REDACTED}@` : `${REDACTED}@`);
    }
    this.#scratch.append(bytes, hasUser ? userEnd + 1 : start, end);
  }

  #appendPeer(rows: Rows, u: number): void {
    const { u32, source } = rows;
    const start = u32[u + U32.remoteAddressOffset];
    const isIpv6 = u32[u + U32.family] === FAMILY.ipv6;
    if (isIpv6) this.#scratch.appendText('[');
    this.#scratch.append(source.bytes, start, start + u32[u + U32.remoteAddressBytes]);
    if (isIpv6) this.#scratch.appendText(']');
    this.#scratch.appendText(`:${u32[u + U32.remotePort]}`);
  }
}

/** `@`, or %40. */
function mayHaveUser(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte > AT) continue;
    if (byte === AT || (byte === PERCENT && bytes[at + 1] === 0x34 && bytes[at + 2] === 0x30)) {
      return true;
    }
  }
  return false;
}
