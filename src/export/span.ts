/**
 * What a span says about an exchange: the semantic conventions for HTTP (1.45, stable parts) plus
 * the attributes of this agent, read from the columns and the head bytes of a batch and told to a
 * sink. Strings are made only where a value has to be changed.
 *
 * SERVER = the process answered (ingress), CLIENT = it asked (egress). Names hold no path.
 */
import { SLOT } from '../handoff/known-headers.ts';
import {
  type ExchangeBatch,
  F64,
  F64_COLUMNS,
  FLAG,
  TIERS,
  U32,
  U32_COLUMNS,
} from '../handoff/layout.ts';
import type { Counters } from '../telemetry/counters.ts';
import { type Block, block, key, prefix } from './attributes.ts';
import { Authority } from './authority.ts';
import { ByteSource, Scratch } from './bytes.ts';
import { toUnix, type WallClock } from './clock.ts';
import { firstElement, forwardedParameter, isWord, Slice } from './forwarded.ts';
import { HeaderAttributes } from './headers.ts';
import { hasLoss, isTruncated } from './marks.ts';
import { commonIndex, Methods, SCHEME } from './methods.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { QueryRedaction, REDACTED } from './redaction.ts';
import { RequestLine } from './request-line.ts';
import { hasTraceState, traceStateOf } from './trace-state.ts';
import { type SpanLevel, type SpanSink, type SpanStart, STATUS } from './types.ts';

export interface SpanOptions {
  readonly level: SpanLevel;
  readonly attributeBytesMax: number;
  readonly attributesMax: number;
  /** Replaces the list of the semantic conventions. */
  readonly sensitiveQueryKeys?: readonly string[];
  readonly knownMethods?: readonly string[];
}

/** A batch with what its rows share. */
export interface Rows {
  readonly u32: Uint32Array;
  readonly f64: Float64Array;
  readonly source: ByteSource;
}

export function toRows(batch: ExchangeBatch): Rows {
  return { u32: batch.u32, f64: batch.f64, source: new ByteSource(batch.bytes) };
}

/** Changes the context that is exported: a sampler that notes its threshold in tracestate. */
export type TraceStateHook = (u32: Uint32Array, row: number, traceState: string) => string;

const METHOD_ORIGINAL = key('http.request.method_original');
const URL_PATH = key('url.path');
const URL_QUERY = key('url.query');
const URL_FULL = key('url.full');
const URL_SCHEME = key('url.scheme');
const SERVER_ADDRESS = key('server.address');
const SERVER_PORT = key('server.port');
const CLIENT_ADDRESS = key('client.address');
const PEER_ADDRESS = key('network.peer.address');
const PEER_PORT = key('network.peer.port');
const LOCAL_ADDRESS = key('network.local.address');
const LOCAL_PORT = key('network.local.port');
const USER_AGENT = key('user_agent.original');
const RESEND_COUNT = key('http.request.resend_count');
const REQUEST_SIZE = key('http.request.body.size');
const RESPONSE_SIZE = key('http.response.body.size');
const EXCHANGE = key('spantap.connection.exchange');
const CONFIDENCE = key('spantap.link.confidence');
const REQUEST_HEADER = prefix('http.request.header.');
const RESPONSE_HEADER = prefix('http.response.header.');

const TIER_BLOCKS: readonly Block[] = TIERS.map((tier) => block({ 'spantap.link.tier': tier }));
const TRUNCATED = block({ 'spantap.truncated': true });
const LOST = block({ 'spantap.lost': true });
const SUBREQUEST = block({ 'spantap.subrequest': true });

const FAMILY_UNIX = 1;
const FAMILY_IPV6 = 6;
const FLAG_HAS_IS_REMOTE = 0x100;
const FLAG_IS_REMOTE = 0x200;
/** Attributes that a span can have besides headers. */
const OWN_ATTRIBUTES_MAX = 28;

const HTTP = ByteSource.of('http://');
const HTTPS = ByteSource.of('https://');

export class SpanDescriber {
  readonly #clock: WallClock;
  readonly #counters: Counters;
  readonly #level: SpanLevel;
  readonly #headerBudget: number;
  readonly #methods: Methods;
  readonly #redaction: QueryRedaction;
  readonly #headers: HeaderAttributes;
  readonly #line = new RequestLine();
  readonly #authority = new Authority();
  readonly #slice = new Slice();
  readonly #scratch = new Scratch();
  readonly #time = { high: 0, low: 0 };
  readonly #outcome: Outcome = { code: STATUS.unset, status: undefined, error: undefined };
  readonly #start: SpanStart;
  traceStateHook: TraceStateHook | undefined;

  constructor(options: SpanOptions, clock: WallClock, counters: Counters) {
    this.#clock = clock;
    this.#counters = counters;
    this.#level = options.level;
    this.#headerBudget = Math.max(0, options.attributesMax - OWN_ATTRIBUTES_MAX);
    this.#methods = new Methods(options.knownMethods);
    this.#redaction = new QueryRedaction(options.sensitiveQueryKeys);
    this.#headers = new HeaderAttributes(this.#redaction, counters, options.attributeBytesMax);
    this.#start = {
      name: this.#methods.find(new Uint8Array(0), 0, 0).server,
      u32: new Uint32Array(U32_COLUMNS),
      row: 0,
      flags: 0,
      startHigh: 0,
      startLow: 0,
      endHigh: 0,
      endLow: 0,
      traceState: '',
    };
  }

  /** Tells row `index` of `rows` to `sink`. */
  describe(rows: Rows, index: number, sink: SpanSink): void {
    const { u32, f64, source } = rows;
    const u = index * U32_COLUMNS;
    const f = index * F64_COLUMNS;
    const head = u32[u + U32.requestHeadOffset];
    this.#line.parse(source.bytes, head, head + u32[u + U32.requestHeadBytes]);
    if ((u32[u + U32.flags] & FLAG.client) === 0) this.#describeServer(rows, u, f, sink);
    else this.#describeClient(rows, u, f, sink);
    this.#describeConnection(rows, u, sink);
    this.#describeSizes(u32, f64, u, f, sink);
    this.#describeLink(u32, u, sink);
    this.#describeMarks(u32, u, sink);
    outcomeOf(u32, f64, u, f, this.#outcome);
    if (this.#outcome.status !== undefined) sink.block(this.#outcome.status);
    if (this.#outcome.error !== undefined) sink.block(this.#outcome.error);
    const dropped = this.#level === 'summary' ? 0 : this.#describeHeaders(rows, u, sink);
    if (u32[u + U32.linkSpanId] !== 0 || u32[u + U32.linkSpanId + 1] !== 0) {
      const flags = (u32[u + U32.traceFlags] & 0xff) | FLAG_HAS_IS_REMOTE;
      sink.link(u32, u + U32.linkTraceId, flags);
    }
    sink.end(this.#outcome.code, dropped);
  }

  #describeServer(rows: Rows, u: number, f: number, sink: SpanSink): void {
    const { u32, source } = rows;
    const { bytes } = source;
    const line = this.#line;
    const method = this.#methods.find(bytes, line.methodStart, line.methodEnd);
    this.#begin(rows, u, f, method.server, sink);
    const scheme = this.#findScheme(u32, u, bytes);
    const isUnix = u32[u + U32.family] === FAMILY_UNIX;
    sink.block(method.common[commonIndex(scheme, line.minor, isUnix)]);
    if (scheme === SCHEME.other) sink.text(URL_SCHEME, source, this.#slice.start, this.#slice.end);
    if (!method.isKnown) sink.text(METHOD_ORIGINAL, source, line.methodStart, line.methodEnd);
    this.#describePath(source, sink);
    if (this.#findServer(u32, u, bytes)) this.#describeServerAddress(source, scheme, sink);
    if (this.#findClient(u32, u, bytes)) {
      sink.text(CLIENT_ADDRESS, source, this.#authority.hostStart, this.#authority.hostEnd);
    } else if (!isUnix)
      this.#describeAddress(rows, u + U32.remoteAddressOffset, CLIENT_ADDRESS, sink);
    if (this.#findHeader(u32, u, SLOT['user-agent'])) {
      sink.text(USER_AGENT, source, this.#slice.start, this.#slice.end);
    }
  }

  #describeClient(rows: Rows, u: number, f: number, sink: SpanSink): void {
    const { u32, source } = rows;
    const line = this.#line;
    const method = this.#methods.find(source.bytes, line.methodStart, line.methodEnd);
    this.#begin(rows, u, f, method.client, sink);
    const isUnix = u32[u + U32.family] === FAMILY_UNIX;
    sink.block(method.common[commonIndex(SCHEME.other, line.minor, isUnix)]);
    if (!method.isKnown) sink.text(METHOD_ORIGINAL, source, line.methodStart, line.methodEnd);
    const isTls = (u32[u + U32.flags] & FLAG.tls) !== 0;
    const hasHost = this.#findTarget(u32, u);
    if (hasHost) {
      this.#authority.parse(source.bytes, this.#slice.start, this.#slice.end);
      this.#describeServerAddress(source, isTls ? SCHEME.https : SCHEME.http, sink);
    } else {
      this.#describeAddress(rows, u + U32.remoteAddressOffset, SERVER_ADDRESS, sink);
      if (!isUnix) sink.integer(SERVER_PORT, u32[u + U32.remotePort]);
    }
    if (hasHost || !isUnix) this.#describeUrl(rows, u, isTls, hasHost, sink);
    if (u32[u + U32.resendCount] > 0) sink.integer(RESEND_COUNT, u32[u + U32.resendCount]);
  }

  #begin(rows: Rows, u: number, f: number, name: SpanStart['name'], sink: SpanSink): void {
    const { u32, f64, source } = rows;
    const start = this.#start;
    const startNs = f64[f + F64.requestStartNs] || f64[f + F64.requestHeadNs];
    const endNs = Math.max(f64[f + F64.endNs], startNs);
    const offset = this.#clock.at(endNs);
    toUnix(startNs, offset, this.#time);
    start.startHigh = this.#time.high;
    start.startLow = this.#time.low;
    toUnix(endNs, offset, this.#time);
    start.endHigh = this.#time.high;
    start.endLow = this.#time.low;
    start.name = name;
    start.u32 = u32;
    start.row = u;
    const isRemote = (u32[u + U32.flags] & FLAG.parentIsRemote) !== 0;
    start.flags =
      (u32[u + U32.traceFlags] & 0xff) | FLAG_HAS_IS_REMOTE | (isRemote ? FLAG_IS_REMOTE : 0);
    start.traceState = hasTraceState(u32, u) ? traceStateOf(u32, u, source.bytes) : '';
    if (this.traceStateHook !== undefined) {
      start.traceState = this.traceStateHook(u32, u, start.traceState);
    }
    sink.begin(start);
  }

  /** Value of a known header in `#slice`. */
  #findHeader(u32: Uint32Array, u: number, slot: number): boolean {
    const at = u + U32.known + 2 * slot;
    if (u32[at + 1] <= u32[at]) return this.#slice.clear();
    const head = u32[u + U32.requestHeadOffset];
    this.#slice.start = head + u32[at];
    this.#slice.end = head + u32[at + 1];
    return true;
  }

  /** Forwarded, X-Forwarded-Proto, else what this connection is; other words stay in `#slice`. */
  #findScheme(u32: Uint32Array, u: number, bytes: Uint8Array): number {
    const slice = this.#slice;
    const isFound =
      (this.#findHeader(u32, u, SLOT.forwarded) &&
        forwardedParameter(bytes, slice.start, slice.end, 'proto', slice)) ||
      (this.#findHeader(u32, u, SLOT['x-forwarded-proto']) &&
        firstElement(bytes, slice.start, slice.end, slice));
    if (!isFound) return (u32[u + U32.flags] & FLAG.tls) === 0 ? SCHEME.http : SCHEME.https;
    if (isWord(bytes, slice, 'http')) return SCHEME.http;
    return isWord(bytes, slice, 'https') ? SCHEME.https : SCHEME.other;
  }

  /** Forwarded, X-Forwarded-Host, the target's authority (RFC 9112 3.2.2), Host: in `#authority`. */
  #findServer(u32: Uint32Array, u: number, bytes: Uint8Array): boolean {
    const slice = this.#slice;
    const isFound =
      (this.#findHeader(u32, u, SLOT.forwarded) &&
        forwardedParameter(bytes, slice.start, slice.end, 'host', slice)) ||
      (this.#findHeader(u32, u, SLOT['x-forwarded-host']) &&
        firstElement(bytes, slice.start, slice.end, slice)) ||
      this.#findTarget(u32, u);
    if (isFound) this.#authority.parse(bytes, slice.start, slice.end);
    return isFound && this.#authority.hostEnd > this.#authority.hostStart;
  }

  /** The authority that the request itself names: that of its target, else Host. */
  #findTarget(u32: Uint32Array, u: number): boolean {
    const line = this.#line;
    if (line.authorityEnd <= line.authorityStart) return this.#findHeader(u32, u, SLOT.host);
    this.#slice.start = line.authorityStart;
    this.#slice.end = line.authorityEnd;
    return true;
  }

  /** First of Forwarded and X-Forwarded-For that names an address; without its port. */
  #findClient(u32: Uint32Array, u: number, bytes: Uint8Array): boolean {
    const slice = this.#slice;
    const isFound =
      (this.#findHeader(u32, u, SLOT.forwarded) &&
        forwardedParameter(bytes, slice.start, slice.end, 'for', slice)) ||
      (this.#findHeader(u32, u, SLOT['x-forwarded-for']) &&
        firstElement(bytes, slice.start, slice.end, slice));
    // RFC 7239 6.2: "unknown" says that there was one, not which.
    if (!isFound || isWord(bytes, slice, 'unknown')) return false;
    this.#authority.parse(bytes, slice.start, slice.end);
    return this.#authority.hostEnd > this.#authority.hostStart;
  }

  /** `#authority`; a port that is not given is that of the scheme, when the scheme has one. */
  #describeServerAddress(source: ByteSource, scheme: number, sink: SpanSink): void {
    const { hostStart, hostEnd, port } = this.#authority;
    if (hostEnd <= hostStart) return;
    sink.text(SERVER_ADDRESS, source, hostStart, hostEnd);
    if (port !== 0) sink.integer(SERVER_PORT, port);
    else if (scheme === SCHEME.http) sink.integer(SERVER_PORT, 80);
    else if (scheme === SCHEME.https) sink.integer(SERVER_PORT, 443);
  }

  #describePath(source: ByteSource, sink: SpanSink): void {
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

  /** url.full: scheme and authority as the request names them, path, redacted query. */
  #describeUrl(rows: Rows, u: number, isTls: boolean, hasHost: boolean, sink: SpanSink): void {
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
    if (line.hasQuery) {
      scratch.appendText('?');
      if (this.#redaction.isNeeded(bytes, line.queryStart, line.queryEnd)) {
        this.#redaction.append(bytes, line.queryStart, line.queryEnd, scratch);
      } else scratch.append(bytes, line.queryStart, line.queryEnd);
    }
    sink.text(URL_FULL, scratch.source, 0, scratch.pos);
  }

  /** `#slice`, with credentials replaced (semconv url registry, url.full). */
  #appendAuthority(bytes: Uint8Array): void {
    const { userEnd, hasUser } = this.#authority;
    const { start, end } = this.#slice;
    if (hasUser) {
      const hasPassword = bytes.subarray(start, userEnd).includes(0x3a);
      this.#scratch.appendText(hasPassword ? `${REDACTED}:${REDACTED}@` : `${REDACTED}@`);
    }
    this.#scratch.append(bytes, hasUser ? userEnd + 1 : start, end);
  }

  #appendPeer(rows: Rows, u: number): void {
    const { u32, source } = rows;
    const start = u32[u + U32.remoteAddressOffset];
    const isIpv6 = u32[u + U32.family] === FAMILY_IPV6;
    if (isIpv6) this.#scratch.appendText('[');
    this.#scratch.append(source.bytes, start, start + u32[u + U32.remoteAddressBytes]);
    if (isIpv6) this.#scratch.appendText(']');
    this.#scratch.appendText(`:${u32[u + U32.remotePort]}`);
  }

  /** Offset and length of an address stand in two columns beside each other. */
  #describeAddress(rows: Rows, column: number, name: typeof PEER_ADDRESS, sink: SpanSink): void {
    const start = rows.u32[column];
    const lenBytes = rows.u32[column + 1];
    if (lenBytes > 0) sink.text(name, rows.source, start, start + lenBytes);
  }

  #describeConnection(rows: Rows, u: number, sink: SpanSink): void {
    const { u32 } = rows;
    this.#describeAddress(rows, u + U32.remoteAddressOffset, PEER_ADDRESS, sink);
    if (u32[u + U32.remotePort] > 0) sink.integer(PEER_PORT, u32[u + U32.remotePort]);
    this.#describeAddress(rows, u + U32.localAddressOffset, LOCAL_ADDRESS, sink);
    if (u32[u + U32.localPort] > 0) sink.integer(LOCAL_PORT, u32[u + U32.localPort]);
    if (u32[u + U32.ordinal] > 0) sink.integer(EXCHANGE, u32[u + U32.ordinal]);
  }

  #describeSizes(u32: Uint32Array, f64: Float64Array, u: number, f: number, sink: SpanSink): void {
    if (f64[f + F64.requestBodyBytes] > 0) {
      sink.integer(REQUEST_SIZE, f64[f + F64.requestBodyBytes]);
    }
    if (u32[u + U32.status] > 0) sink.integer(RESPONSE_SIZE, f64[f + F64.responseBodyBytes]);
  }

  #describeLink(u32: Uint32Array, u: number, sink: SpanSink): void {
    const tier = u32[u + U32.tier];
    const flags = u32[u + U32.flags];
    if (tier > 0 || (flags & FLAG.unlinked) !== 0) {
      sink.block(TIER_BLOCKS[tier] ?? TIER_BLOCKS[0]);
      sink.double(CONFIDENCE, u32[u + U32.confidence] / 1e6);
    }
    if ((flags & FLAG.subrequest) !== 0) sink.block(SUBREQUEST);
  }

  #describeMarks(u32: Uint32Array, u: number, sink: SpanSink): void {
    if (isTruncated(u32, u)) sink.block(TRUNCATED);
    if (hasLoss(u32, u)) sink.block(LOST);
  }

  #describeHeaders(rows: Rows, u: number, sink: SpanSink): number {
    const { u32, source } = rows;
    const budget = { left: this.#headerBudget };
    const requestEnd = u32[u + U32.requestHeadOffset] + u32[u + U32.requestHeadBytes];
    const response = u32[u + U32.responseHeadOffset];
    const responseEnd = response + u32[u + U32.responseHeadBytes];
    const firstLine = source.bytes.indexOf(0x0a, response) + 1;
    let dropped = this.#headers.describe(
      source,
      this.#line.end,
      requestEnd,
      REQUEST_HEADER,
      sink,
      budget,
    );
    if (responseEnd > response && firstLine > 0 && firstLine < responseEnd) {
      dropped += this.#headers.describe(
        source,
        firstLine,
        responseEnd,
        RESPONSE_HEADER,
        sink,
        budget,
      );
    }
    if (dropped > 0) this.#counters.add('dropped.attributes', dropped);
    return dropped;
  }
}
