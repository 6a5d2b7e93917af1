/**
 * What a span says about an exchange: the semantic conventions for HTTP (1.45, stable parts) plus
 * the attributes of this agent, read from the columns and the head bytes of a batch and told to a
 * sink. Strings are made only where a value has to be changed.
 *
 * SERVER = the process answered (ingress), CLIENT = it asked (egress). Names hold no path.
 */
import { RANK } from '../config/levels.ts';
import { SLOT } from '../handoff/known-headers.ts';
import { F64, F64_COLUMNS, FAMILY, FLAG, TIERS, U32, U32_COLUMNS } from '../handoff/layout.ts';
import { RequestLine } from '../handoff/request-line.ts';
import { hasTraceState, traceStateOf } from '../handoff/trace-state.ts';
import type { Counters } from '../telemetry/counters.ts';
import { type Block, block, key, prefix } from './attributes.ts';
import type { ByteSource } from './bytes.ts';
import { toUnix, type WallClock } from './clock.ts';
import { Endpoints } from './endpoints.ts';
import { HeaderAttributes } from './headers.ts';
import { hasLoss, isTruncated, requestSize, responseSize } from './marks.ts';
import { commonIndex, Methods, SCHEME } from './methods.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import type { PeerServices } from './peer-services.ts';
import { QueryRedaction } from './redaction.ts';
import { describeReferences, REFERENCE_ATTRIBUTES_MAX } from './references.ts';
import type { Rows } from './rows.ts';
import { withThreshold } from './threshold.ts';
import { type SpanSink, type SpanStart, STATUS } from './types.ts';
import { UrlAttributes } from './url.ts';

export interface SpanOptions {
  /** Whether headers become attributes at the levels that have them. */
  readonly hasHeaders: boolean;
  readonly attributeBytesMax: number;
  readonly attributesMax: number;
  /** By name, `*` for all; all when left out. */
  readonly requestHeaders?: readonly string[];
  readonly responseHeaders?: readonly string[];
  /** Heads come without secrets already: nothing is masked here. */
  readonly isRedacted?: boolean;
  /** Replaces the list of the semantic conventions. */
  readonly sensitiveQueryKeys?: readonly string[];
  readonly knownMethods?: readonly string[];
  /** Names the processes at the other end of CLIENT spans. */
  readonly peers?: PeerServices;
}

const METHOD_ORIGINAL = key('http.request.method_original');
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

/** W3C: a span that is exported is sampled. */
const FLAG_SAMPLED = 1;
const FLAG_HAS_IS_REMOTE = 0x100;
const FLAG_IS_REMOTE = 0x200;
/** Attributes that a span can have besides headers. */
const OWN_ATTRIBUTES_MAX = 28 + REFERENCE_ATTRIBUTES_MAX;

export class SpanDescriber {
  readonly #clock: WallClock;
  readonly #counters: Counters;
  readonly #headerBudget: number;
  readonly #methods: Methods;
  readonly #requestHeaders: HeaderAttributes | undefined;
  readonly #responseHeaders: HeaderAttributes | undefined;
  readonly #peers: PeerServices | undefined;
  readonly #line = new RequestLine();
  readonly #endpoints = new Endpoints(this.#line);
  readonly #url: UrlAttributes;
  readonly #time = { high: 0, low: 0 };
  readonly #outcome: Outcome = { code: STATUS.unset, status: undefined, error: undefined };
  readonly #start: SpanStart;
  /** `th` of the row at hand. */
  #threshold = '';

  constructor(options: SpanOptions, clock: WallClock, counters: Counters) {
    this.#clock = clock;
    this.#counters = counters;
    this.#headerBudget = Math.max(0, options.attributesMax - OWN_ATTRIBUTES_MAX);
    this.#peers = options.peers;
    this.#methods = new Methods(options.knownMethods);
    const redaction = new QueryRedaction(options.isRedacted ? [] : options.sensitiveQueryKeys);
    this.#url = new UrlAttributes(this.#line, this.#endpoints, redaction);
    if (options.hasHeaders) {
      this.#requestHeaders = headerAttributes(options, options.requestHeaders, redaction, counters);
      this.#responseHeaders = headerAttributes(
        options,
        options.responseHeaders,
        redaction,
        counters,
      );
    }
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
    this.#threshold = rows.decided.thresholds[index] ?? '';
    if ((u32[u + U32.flags] & FLAG.client) === 0) this.#describeServer(rows, u, f, sink);
    else this.#describeClient(rows, u, f, sink);
    this.#describeConnection(rows, u, sink);
    this.#describeSizes(u32, f64, u, f, sink);
    this.#describeLink(u32, u, sink);
    this.#describeMarks(u32, u, sink);
    outcomeOf(u32, f64, u, f, this.#outcome);
    if (this.#outcome.status !== undefined) sink.block(this.#outcome.status);
    if (this.#outcome.error !== undefined) sink.block(this.#outcome.error);
    const { levels, references } = rows.decided;
    const stored = references[index];
    if (stored !== undefined) describeReferences(stored, sink);
    const dropped = levels[index] < RANK.details ? 0 : this.#describeHeaders(rows, u, sink);
    if (u32[u + U32.linkSpanId] !== 0 || u32[u + U32.linkSpanId + 1] !== 0) {
      const flags = (u32[u + U32.traceFlags] & 0xff) | FLAG_HAS_IS_REMOTE;
      sink.link(u32, u + U32.linkTraceId, flags);
    }
    sink.end(this.#outcome.code, dropped);
  }

  #describeServer(rows: Rows, u: number, f: number, sink: SpanSink): void {
    const { u32, source } = rows;
    const { bytes } = source;
    const { slice, authority } = this.#endpoints;
    const line = this.#line;
    const method = this.#methods.find(bytes, line.methodStart, line.methodEnd);
    this.#begin(rows, u, f, method.server, sink);
    const scheme = this.#endpoints.findScheme(u32, u, bytes);
    const isUnix = u32[u + U32.family] === FAMILY.unix;
    sink.block(method.common[commonIndex(scheme, line.minor, isUnix)]);
    if (scheme === SCHEME.other) sink.text(URL_SCHEME, source, slice.start, slice.end);
    if (!method.isKnown) sink.text(METHOD_ORIGINAL, source, line.methodStart, line.methodEnd);
    this.#url.describeParts(source, sink);
    if (this.#endpoints.findServer(u32, u, bytes))
      this.#describeServerAddress(source, scheme, sink);
    if (this.#endpoints.findClient(u32, u, bytes)) {
      sink.text(CLIENT_ADDRESS, source, authority.hostStart, authority.hostEnd);
    } else if (!isUnix)
      this.#describeAddress(rows, u + U32.remoteAddressOffset, CLIENT_ADDRESS, sink);
    if (this.#endpoints.findHeader(u32, u, SLOT['user-agent'])) {
      sink.text(USER_AGENT, source, slice.start, slice.end);
    }
  }

  #describeClient(rows: Rows, u: number, f: number, sink: SpanSink): void {
    const { u32, source } = rows;
    const { slice, authority } = this.#endpoints;
    const line = this.#line;
    const method = this.#methods.find(source.bytes, line.methodStart, line.methodEnd);
    this.#begin(rows, u, f, method.client, sink);
    const isUnix = u32[u + U32.family] === FAMILY.unix;
    sink.block(method.common[commonIndex(SCHEME.other, line.minor, isUnix)]);
    if (!method.isKnown) sink.text(METHOD_ORIGINAL, source, line.methodStart, line.methodEnd);
    const isTls = (u32[u + U32.flags] & FLAG.tls) !== 0;
    const hasHost = this.#endpoints.findTarget(u32, u);
    if (hasHost) {
      authority.parse(source.bytes, slice.start, slice.end);
      this.#describeServerAddress(source, isTls ? SCHEME.https : SCHEME.http, sink);
    } else {
      this.#describeAddress(rows, u + U32.remoteAddressOffset, SERVER_ADDRESS, sink);
      if (!isUnix) sink.integer(SERVER_PORT, u32[u + U32.remotePort]);
    }
    if (hasHost || !isUnix) this.#url.describeFull(rows, u, isTls, hasHost, sink);
    const peer = u32[u + U32.peerProcess];
    const service = peer === 0 ? undefined : this.#peers?.of(peer - 1);
    if (service !== undefined) sink.block(service);
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
      (u32[u + U32.traceFlags] & 0xff) |
      FLAG_SAMPLED |
      FLAG_HAS_IS_REMOTE |
      (isRemote ? FLAG_IS_REMOTE : 0);
    start.traceState = hasTraceState(u32, u) ? traceStateOf(u32, u, source.bytes) : '';
    if (this.#threshold !== '') {
      start.traceState = withThreshold(start.traceState, this.#threshold);
    }
    sink.begin(start);
  }

  /** What was found last; a port that is not given is that of the scheme, when the scheme has one. */
  #describeServerAddress(source: ByteSource, scheme: number, sink: SpanSink): void {
    const { hostStart, hostEnd, port, isReplaced } = this.#endpoints.authority;
    if (hostEnd <= hostStart) return;
    sink.text(SERVER_ADDRESS, source, hostStart, hostEnd);
    if (isReplaced) return;
    if (port !== 0) sink.integer(SERVER_PORT, port);
    else if (scheme === SCHEME.http) sink.integer(SERVER_PORT, 80);
    else if (scheme === SCHEME.https) sink.integer(SERVER_PORT, 443);
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
    const sent = requestSize(u32, f64, u, f);
    if (sent > 0) sink.integer(REQUEST_SIZE, sent);
    const received = responseSize(u32, f64, u, f);
    if (received >= 0) sink.integer(RESPONSE_SIZE, received);
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
    const requests = this.#requestHeaders;
    let dropped =
      requests?.describe(source, this.#line.end, requestEnd, REQUEST_HEADER, sink, budget) ?? 0;
    if (responseEnd > response && firstLine > 0 && firstLine < responseEnd) {
      const responses = this.#responseHeaders;
      dropped +=
        responses?.describe(source, firstLine, responseEnd, RESPONSE_HEADER, sink, budget) ?? 0;
    }
    if (dropped > 0) this.#counters.add('dropped.attributes', dropped);
    return dropped;
  }
}

/** undefined: the list is empty. */
function headerAttributes(
  { attributeBytesMax: bytesMax, isRedacted = false }: SpanOptions,
  names: readonly string[] = ['*'],
  redaction: QueryRedaction,
  counters: Counters,
): HeaderAttributes | undefined {
  if (names.length === 0) return undefined;
  return new HeaderAttributes({ names, redaction, isRedacted, bytesMax }, counters);
}
