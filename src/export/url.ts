/**
 * url.path and url.query of a SERVER, url.full of a CLIENT: as the request has them, with
 * credentials and sensitive query parameters replaced (semconv "url" registry).
 */
import { REDACTED } from '../config/secrets.ts';
import { FAMILY, U32 } from '../handoff/layout.ts';
import type { RequestLine } from '../handoff/request-line.ts';
import { key } from './attributes.ts';
import { ByteSource, Scratch } from './bytes.ts';
import type { Endpoints } from './endpoints.ts';
import type { QueryRedaction } from './redaction.ts';
import type { Rows } from './rows.ts';
import type { SpanSink } from './types.ts';

const URL_PATH = key('url.path');
const URL_QUERY = key('url.query');
const URL_FULL = key('url.full');

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
    if (line.pathEnd > line.pathStart) sink.text(URL_PATH, source, line.pathStart, line.pathEnd);
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
    scratch.append(bytes, line.pathStart, line.pathEnd);
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
