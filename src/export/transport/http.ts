/**
 * OTLP over HTTP: one POST, no retry of its own. The settings (url, headers, TLS, timeout,
 * compression) are read by the official package; its delegate is not used, since it retries
 * underneath and does not pass on Retry-After when it gives up.
 */
import {
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import { urlToHttpOptions } from 'node:url';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { convertLegacyHttpOptions } from '@opentelemetry/otlp-exporter-base/node-http';
import { limits } from '../../config/limits.ts';
import { VERSION } from '../../config/version.ts';
import { messageOf } from '../../telemetry/agent-error.ts';
import type { Encoding, SendResult, Transport } from '../types.ts';
import { readPartialSuccess } from './partial-success.ts';
import { retryAfterMs } from './retry-after.ts';
import { BY_ENVIRONMENT, type Receiver, type Signal, TRACES } from './signal.ts';

/** OTLP specification, "OTLP/HTTP Response": everything else must not be sent again. */
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const REASON_CHARACTERS_MAX = 200;
/** OTLP specification, "OTLP/HTTP". */
const CONTENT_TYPES: Readonly<Record<Encoding, string>> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
};

const gzipAsync = promisify(gzip);
type Settings = ReturnType<typeof convertLegacyHttpOptions>;
type Agent = Awaited<ReturnType<Settings['agentFactory']>>;

export class HttpTransport implements Transport {
  readonly target: string;
  readonly #settings: Settings;
  readonly #url: URL;
  readonly #urlOptions: RequestOptions;
  readonly #contentType: string;
  /** Instead of those of the settings. */
  readonly #headers: Readonly<Record<string, string>> | undefined;
  readonly #underWay = new Set<ClientRequest>();
  #agent: Agent | undefined;
  /** The signal that is listened to: one listener, however many requests are under way. */
  #signal: AbortSignal | undefined;

  /** Reads OTEL_EXPORTER_OTLP_* of this process where `receiver` says nothing. */
  constructor(contentType: string, signal: Signal = TRACES, receiver: Receiver = BY_ENVIRONMENT) {
    this.#contentType = contentType;
    const type = { 'Content-Type': contentType };
    this.#headers = receiver.headers && { ...receiver.headers, ...type };
    const { name, httpPath } = signal;
    this.#settings = convertLegacyHttpOptions(optionsOf(receiver), name, httpPath, type);
    this.#url = new URL(this.#settings.url);
    this.#urlOptions = urlToHttpOptions(this.#url);
    this.target = `${this.#url.protocol}//${this.#url.host}${this.#url.pathname}`;
  }

  async send(body: Uint8Array, signal: AbortSignal, encoding?: Encoding): Promise<SendResult> {
    try {
      const { headers, payload } = await this.#prepare(body);
      if (encoding !== undefined) headers['Content-Type'] = CONTENT_TYPES[encoding];
      const response = await this.#post(headers, payload, signal);
      const contentType = encoding === undefined ? this.#contentType : CONTENT_TYPES[encoding];
      return judge(response, contentType);
    } catch (error) {
      return { kind: 'retry', reason: reasonOf(error), afterMs: undefined };
    }
  }

  close(): void {
    this.#agent?.destroy();
  }

  async #prepare(
    body: Uint8Array,
  ): Promise<{ headers: Record<string, string | number>; payload: Uint8Array }> {
    this.#agent ??= await this.#settings.agentFactory(this.#url.protocol);
    const isGzip = this.#settings.compression === 'gzip';
    // Level 1 costs half of level 6 and is a few per cent larger on spans.
    const payload = isGzip ? await gzipAsync(body, { level: constants.Z_BEST_SPEED }) : body;
    const headers: Record<string, string | number> = {
      'User-Agent': `spantap/${VERSION}`,
      ...(this.#headers ?? (await this.#settings.headers())),
      'Content-Length': payload.length,
    };
    if (isGzip) headers['Content-Encoding'] = 'gzip';
    return { headers, payload };
  }

  #post(
    headers: Record<string, string | number>,
    payload: Uint8Array,
    signal: AbortSignal,
  ): Promise<Response> {
    this.#obey(signal);
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const outcome: Outcome = { response: undefined, failure: undefined };
    const request = this.#open(headers, outcome);
    // Not at the answer: one may come while the body is still on its way, and read from.
    request.on('close', () => {
      this.#underWay.delete(request);
      if (outcome.response !== undefined) resolve(outcome.response);
      else reject(outcome.failure ?? new Error('the connection ended without an answer'));
    });
    request.end(payload);
    return promise;
  }

  #open(headers: Record<string, string | number>, outcome: Outcome): ClientRequest {
    const options = { ...this.#urlOptions, method: 'POST', headers, agent: this.#agent };
    const send = this.#url.protocol === 'https:' ? requestHttps : requestHttp;
    const { timeoutMillis } = this.#settings;
    const request = send(options, (response) => collect(response, outcome));
    this.#underWay.add(request);
    // From the first byte of the connection to the last of the response.
    const timer = setTimeout(
      () => request.destroy(new Error(`no answer within ${timeoutMillis} ms`)),
      timeoutMillis,
    );
    request.on('close', () => clearTimeout(timer));
    request.on('error', (error) => {
      outcome.failure ??= error;
    });
    return request;
  }

  #obey(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (signal === this.#signal) return;
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      for (const request of this.#underWay) request.destroy(new Error('given up'));
    });
  }
}

function optionsOf({ url, ca, isAnyCertificateTrusted }: Receiver) {
  const isOwn = ca !== undefined || isAnyCertificateTrusted;
  return {
    ...(url === undefined ? {} : { url }),
    ...(isOwn
      ? {
          httpAgentOptions: {
            ...(ca === undefined ? {} : { ca }),
            rejectUnauthorized: !isAnyCertificateTrusted,
          },
        }
      : {}),
  };
}

interface Response {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** undefined when it was larger than the limit. */
  readonly body: Buffer | undefined;
}

/** What became of a request so far. */
interface Outcome {
  response: Response | undefined;
  failure: Error | undefined;
}

/** Listeners, for an iterator over the response costs as much as all the rest of the request. */
function collect(incoming: IncomingMessage, outcome: Outcome): void {
  const chunks: Buffer[] = [];
  let lenBytes = 0;
  const status = incoming.statusCode ?? 0;
  const retryAfter = incoming.headers['retry-after'];
  incoming.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    lenBytes += chunk.length;
    if (lenBytes <= limits.exportResponseBytesMax) return;
    outcome.response = { status, retryAfter, body: undefined };
    incoming.destroy();
  });
  incoming.on('end', () => {
    outcome.response ??= { status, retryAfter, body: Buffer.concat(chunks) };
  });
  incoming.on('error', (error) => {
    outcome.failure ??= error;
  });
}

function judge(response: Response, contentType: string): SendResult {
  const { status, body } = response;
  if (body === undefined) {
    return { kind: 'refused', reason: `HTTP ${status} with an answer beyond the limit` };
  }
  if (status >= 200 && status < 300) {
    return { kind: 'accepted', ...readPartialSuccess(body, contentType) };
  }
  const reason = `HTTP ${status}`;
  if (RETRYABLE_STATUS.has(status)) {
    return { kind: 'retry', reason, afterMs: retryAfterMs(response.retryAfter, Date.now()) };
  }
  return { kind: 'refused', reason: `${reason}${excerpt(body)}` };
}

/** Refusals explain themselves in text or JSON; protobuf statuses are not worth reading here. */
function excerpt(body: Buffer): string {
  const text = body.toString('latin1').slice(0, REASON_CHARACTERS_MAX).trim();
  return /^[\x20-\x7e]+$/.test(text) ? `: ${text}` : '';
}

/** AggregateError of a name with several addresses has its causes in `errors`. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return messageOf(error);
}
