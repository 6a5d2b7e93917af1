/**
 * A row of a batch as the record of its exchange. Heads come without secrets (the batch was
 * redacted before); bodies are looked at here, because only here it is known which are kept.
 */
import { ExchangeView } from '../handoff/batch.ts';
import { headers, headerValue, methodOf, targetOf } from '../handoff/head.ts';
import { SLOT } from '../handoff/known-headers.ts';
import type { ExchangeBatch } from '../handoff/layout.ts';
import { FLAG } from '../handoff/layout.ts';
import type { Redaction } from '../rules/redaction/redaction.ts';
import type { Counters } from '../telemetry/counters.ts';
import { codingsOf } from './decode-body.ts';
import { decodeWhole } from './decode-whole.ts';
import type {
  BodyInput,
  HeaderList,
  Level,
  MessageInput,
  ProcessInput,
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
    readonly process: ProcessInput;
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
  readonly form: BodyForm | undefined;
}

const LEVELS: readonly (Level | 'none')[] = ['none', 'summary', 'details', 'full'];
const NO_CHANGES: Changes = { record: undefined, lines: [] };
const FAMILY_UNIX = 1;

export class RecordBuilder {
  readonly #parts: RecordBuilderParts;
  readonly #view = new ExchangeView();
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
   * `level`: index into LEVELS of the rules; from summary on. `forms`: when rules look into bodies,
   * as the heads said before they were redacted.
   */
  build(row: number, level: number, changes: Changes = NO_CHANGES, forms?: BodyForms): RecordInput {
    const view = this.#view;
    view.seek(row);
    this.#forms = forms;
    const { process, tags } = this.#parts.processOf(view.process);
    const name = LEVELS[level];
    const hasHeaders = name === 'details' || name === 'full';
    const request = this.#request(name === 'full', hasHeaders);
    return {
      level: name === undefined || name === 'none' ? 'summary' : name,
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
      endpointId: request.authority,
      requestId: view.header(SLOT['x-request-id']) ?? '',
      request,
      response:
        view.status === 0
          ? undefined
          : { status: view.status, ...this.#response(name === 'full', hasHeaders) },
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
    const isInternal = family === FAMILY_UNIX || this.#parts.isInternal(remoteAddress);
    return isInternal ? 'egress-internal' : 'egress-external';
  }

  #request(hasBody: boolean, hasHeaders: boolean): RequestInput {
    const view = this.#view;
    const head = view.requestHead;
    const method = methodOf(head);
    const isTls = (view.flags & FLAG.tls) !== 0;
    const target = splitTarget(targetOf(head), method, view.header(SLOT.host) ?? '');
    const scheme = target.scheme || (isTls ? 'https' : 'http');
    const body = hasBody ? { bytes: view.requestBody, digest: view.requestBodyDigest } : null;
    const isEnded = view.requestEndNs > 0;
    const form = this.#forms?.request;
    return {
      ...this.#message(head, view.requestBodyBytes, hasHeaders, { body, isEnded, form }),
      method,
      url: urlOf(scheme, target),
      scheme,
      path: target.path.split('?', 1)[0] ?? '',
      authority: target.authority,
      protocol: 'http1',
      userAgent: view.header(SLOT['user-agent']),
    };
  }

  #response(hasBody: boolean, hasHeaders: boolean): MessageInput {
    const view = this.#view;
    const body = hasBody ? { bytes: view.responseBody, digest: view.responseBodyDigest } : null;
    const isEnded = view.end === 'complete' || view.end === 'tunnel';
    const form = this.#forms?.response;
    const captured = { body, isEnded, form };
    return this.#message(view.responseHead, view.responseBodyBytes, hasHeaders, captured);
  }

  #message(
    head: Buffer,
    bodyBytes: number,
    hasHeaders: boolean,
    { body, isEnded, form }: CapturedBody,
  ): MessageInput {
    const list: HeaderList = hasHeaders ? [...headers(head)] : [];
    const contentType = headerValue(head, 'content-type');
    const { codings, contentType: type } = form ?? {
      codings: codingsOf(list),
      contentType: contentType ?? '',
    };
    const hasBody = body !== null && bodyBytes > 0;
    return {
      headers: list,
      bodyBytes,
      contentType,
      body: hasBody
        ? this.#body(body, bodyBytes, isEnded, { codings, contentType: type })
        : undefined,
    };
  }

  #body(
    { bytes, digest }: KeptBody,
    lenBytes: number,
    isEnded: boolean,
    { contentType, codings }: BodyForm,
  ): BodyInput {
    const isTruncated = !isEnded || bytes.length < lenBytes;
    const { redaction, decodedBytesMax, counters } = this.#parts;
    const digests = { sha256: undefined, wholeSha256: undefined };
    const plain = { lenBytes, isTruncated, decodedBytesMax, ...digests };
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

interface Target {
  /** '' unless the target is absolute. */
  readonly scheme: string;
  readonly authority: string;
  /** With query; '' in authority-form. */
  readonly path: string;
}

/** RFC 9112 3.2: the authority of an absolute or authority-form target beats Host. */
function splitTarget(target: string, method: string, host: string): Target {
  const absolute = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(.*)$/s.exec(target);
  if (absolute !== null) {
    const [, scheme = '', authority = '', rest = ''] = absolute;
    const path = rest.startsWith('/') ? rest : `/${rest}`;
    return { scheme: scheme.toLowerCase(), authority: withoutUser(authority), path };
  }
  if (method === 'CONNECT') return { scheme: '', authority: withoutUser(target), path: '' };
  return { scheme: '', authority: withoutUser(host), path: target };
}

/** Also where only REDACTED is left of it. */
function withoutUser(authority: string): string {
  return authority.slice(authority.lastIndexOf('@') + 1);
}

/** The target URI (RFC 9110 7.1); an asterisk adds nothing to it. */
function urlOf(scheme: string, { authority, path }: Target): string {
  if (authority === '') return path;
  return `${scheme}://${authority}${path === '*' ? '' : path}`;
}
