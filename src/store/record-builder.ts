/**
 * A row of a batch as the record of its exchange. Heads come without secrets (the batch was
 * redacted before); bodies are looked at here, because only here it is known which are kept.
 */
import { LEVELS, RANK } from '../config/levels.ts';
import type { ProcessSummary } from '../discover/identity/types.ts';
import { ExchangeView } from '../handoff/batch.ts';
import { endpointText } from '../handoff/endpoint.ts';
import { headers, headerValue } from '../handoff/head.ts';
import { SLOT } from '../handoff/known-headers.ts';
import type { ExchangeBatch } from '../handoff/layout.ts';
import { FAMILY, FLAG } from '../handoff/layout.ts';
import { RequestLine } from '../handoff/request-line.ts';
import type { Redaction } from '../rules/redaction/redaction.ts';
import type { Counters } from '../telemetry/counters.ts';
import { codingsOf } from './decode-body.ts';
import { decodeWhole } from './decode-whole.ts';
import type {
  BodyInput,
  HeaderList,
  MessageInput,
  RecordInput,
  RequestInput,
} from './record-input.ts';

/** What the proxy changed: for the record, and a line each for people. */
export interface Changes {
  readonly record: unknown;
  readonly lines: readonly string[];
}

/** How a body is to be read. */
export interface BodyForm {
  readonly contentType: string;
  readonly codings: readonly string[];
}

export interface BodyForms {
  readonly request: BodyForm;
  readonly response: BodyForm;
}

/** Of the row on which `view` stands. */
export function bodyFormsOf(view: ExchangeView): BodyForms {
  const formOf = (head: Buffer): BodyForm => ({
    contentType: headerValue(head, 'content-type') ?? '',
    codings: codingsOf([...headers(head)]),
  });
  return { request: formOf(view.requestHead), response: formOf(view.responseHead) };
}

export interface RecordBuilderParts {
  readonly redaction: Redaction;
  readonly processOf: (index: number) => {
    readonly process: ProcessSummary;
    readonly tags: readonly string[];
  };
  /** Unix milliseconds of a monotonic time in nanoseconds. */
  readonly toUnixMs: (timeNs: number) => number;
  readonly isInternal: (address: string) => boolean;
  readonly decodedBytesMax: number;
  readonly counters: Counters;
}

interface KeptBody {
  readonly bytes: Buffer;
  /** SHA-256 of the whole body; empty where it is not known, or `bytes` are all of it. */
  readonly digest: Buffer;
}

interface CapturedBody {
  /** null: the level has none. */
  readonly body: KeptBody | null;
  readonly isEnded: boolean;
  readonly isLenInexact: boolean;
  readonly form: BodyForm | undefined;
}

const NO_CHANGES: Changes = { record: undefined, lines: [] };

export class RecordBuilder {
  readonly #parts: RecordBuilderParts;
  readonly #view = new ExchangeView();
  readonly #line = new RequestLine();
  #forms: BodyForms | undefined;

  constructor(parts: RecordBuilderParts) {
    this.#parts = parts;
  }

  /**
   * Stands on no row of it yet. What is built keeps none of its bytes but those of bodies. `held`:
   * bodies that did not cross with it, by their number.
   */
  open(batch: ExchangeBatch, held?: ReadonlyMap<number, Buffer>): void {
    this.#view.open(batch, held);
  }

  /**
   * `level`: index into LEVELS; from summary on. `forms`: when rules look into bodies,
   * as the heads said before they were redacted.
   */
  build(row: number, level: number, changes: Changes = NO_CHANGES, forms?: BodyForms): RecordInput {
    const view = this.#view;
    view.seek(row);
    this.#forms = forms;
    const { process, tags } = this.#parts.processOf(view.process);
    const name = LEVELS[level];
    const hasHeaders = level >= RANK.details;
    const hasBodies = level >= RANK.full;
    const request = this.#request(hasBodies, hasHeaders);
    return {
      level: name === 'none' ? 'summary' : name,
      traceId: view.traceId,
      spanId: view.spanId,
      parentSpanId: view.parentSpanId,
      linkTier: view.tier,
      linkConfidence: view.confidence,
      direction: this.#direction(),
      ...this.#times(),
      end: view.end,
      hasLoss: (view.flags & FLAG.loss) !== 0 || view.end === 'lost',
      process,
      tags,
      connectionId: String(view.connectionId),
      local: endpointText(view.localAddress, view.localPort),
      peer: endpointText(view.remoteAddress, view.remotePort),
      endpointId: request.authority,
      requestId: view.header(SLOT['x-request-id']) ?? '',
      request,
      response:
        view.status === 0
          ? undefined
          : { status: view.status, ...this.#response(hasBodies, hasHeaders) },
      changes: changes.record,
      changeLines: changes.lines,
    };
  }

  #times() {
    const { requestStartNs, requestHeadNs, responseStartNs, endNs } = this.#view;
    const startNs = requestStartNs || requestHeadNs;
    const since = (timeNs: number) =>
      timeNs === 0 || startNs === 0 ? undefined : Math.max(0, timeNs - startNs) / 1e6;
    return {
      startMs: this.#parts.toUnixMs(startNs || endNs),
      durationMs: since(endNs),
      ttfbMs: since(responseStartNs),
    };
  }

  #direction(): RecordInput['direction'] {
    const { isClient, remoteAddress, family } = this.#view;
    if (!isClient) return 'ingress';
    const isInternal = family === FAMILY.unix || this.#parts.isInternal(remoteAddress);
    return isInternal ? 'egress-internal' : 'egress-external';
  }

  #request(hasBody: boolean, hasHeaders: boolean): RequestInput {
    const view = this.#view;
    const head = view.requestHead;
    const body = hasBody ? { bytes: view.requestBody, digest: view.requestBodyDigest } : null;
    const isEnded = view.requestEndNs > 0;
    const isLenInexact = (view.flags & FLAG.requestSizeInexact) !== 0;
    const captured = { body, isEnded, isLenInexact, form: this.#forms?.request };
    return {
      ...this.#message(head, view.requestBodyBytes, hasHeaders, captured),
      ...this.#target(head),
      protocol: 'http1',
      userAgent: view.header(SLOT['user-agent']),
    };
  }

  /** RFC 9112 3.2: the authority of an absolute or authority-form target beats Host. */
  #target(head: Buffer) {
    const line = this.#line;
    line.parse(head, 0, head.length);
    const text = (start: number, end: number) => head.toString('latin1', start, end);
    const isTls = (this.#view.flags & FLAG.tls) !== 0;
    const isAbsolute = line.schemeEnd > line.schemeStart;
    const scheme =
      text(line.schemeStart, line.schemeEnd).toLowerCase() || (isTls ? 'https' : 'http');
    const host = behindUser(this.#view.header(SLOT.host) ?? '');
    const authority = text(line.hostStart, line.authorityEnd) || host;
    const path = text(line.pathStart, line.pathEnd) || (isAbsolute ? '/' : '');
    const target = path + text(line.pathEnd, line.targetEnd);
    return {
      method: text(line.methodStart, line.methodEnd),
      scheme,
      authority,
      path,
      url: urlOf(scheme, authority, target),
    };
  }

  #response(hasBody: boolean, hasHeaders: boolean): MessageInput {
    const view = this.#view;
    const body = hasBody ? { bytes: view.responseBody, digest: view.responseBodyDigest } : null;
    const isEnded = view.end === 'complete' || view.end === 'tunnel';
    const isLenInexact = (view.flags & FLAG.responseSizeInexact) !== 0;
    const captured = { body, isEnded, isLenInexact, form: this.#forms?.response };
    return this.#message(view.responseHead, view.responseBodyBytes, hasHeaders, captured);
  }

  #message(
    head: Buffer,
    bodyBytes: number,
    hasHeaders: boolean,
    captured: CapturedBody,
  ): MessageInput {
    const list: HeaderList = hasHeaders ? [...headers(head)] : [];
    const contentType = headerValue(head, 'content-type');
    const form = captured.form ?? { codings: codingsOf(list), contentType: contentType ?? '' };
    const { body } = captured;
    const hasBody = body !== null && bodyBytes > 0;
    return {
      headers: list,
      bodyBytes,
      contentType,
      body: hasBody ? this.#body(body, bodyBytes, captured, form) : undefined,
    };
  }

  #body(
    { bytes, digest }: KeptBody,
    lenBytes: number,
    { isEnded, isLenInexact }: CapturedBody,
    { contentType, codings }: BodyForm,
  ): BodyInput {
    const isTruncated = !isEnded || isLenInexact || bytes.length < lenBytes;
    const { redaction, decodedBytesMax, counters } = this.#parts;
    const digests = { sha256: undefined, wholeSha256: undefined };
    const plain = { lenBytes, isLenInexact, isTruncated, decodedBytesMax, ...digests };
    if (redaction.coversBodies && bytes.length > 0) {
      const decoded = decodeWhole(bytes, codings, decodedBytesMax);
      const result = redaction.body({ decoded, contentType, isTruncated });
      if (result.kind === 'masked') counters.add('store.bodies_masked');
      if (result.kind !== 'untouched') return { ...plain, bytes: result.bytes, isRedacted: true };
    }
    const whole = digest.length === 0 ? undefined : digest.toString('hex');
    return {
      ...plain,
      // The batch is filled again when everybody has read it.
      bytes: Buffer.from(bytes),
      isRedacted: false,
      sha256: isTruncated ? undefined : whole,
      wholeSha256: whole,
    };
  }
}

/** Also where only REDACTED is left of it. */
function behindUser(authority: string): string {
  return authority.slice(authority.lastIndexOf('@') + 1);
}

/** The target URI (RFC 9110 7.1); an asterisk adds nothing to it. */
function urlOf(scheme: string, authority: string, target: string): string {
  if (authority === '') return target;
  return `${scheme}://${authority}${target === '*' ? '' : target}`;
}
