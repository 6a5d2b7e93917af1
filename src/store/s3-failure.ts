/**
 * What a failed S3 request means. Sources: "Error responses" of the Amazon S3 API reference; the
 * fields that the AWS SDK for JavaScript 3 puts on its errors ($metadata, $retryable, name, code).
 */

/**
 * away: the server, or the way to it. denied: credentials, rights, the bucket, the clock: a person
 * can change that, so the object waits. refused: this object, never. doubtful: a 4xx of which
 * nobody knows.
 */
export type Verdict = 'away' | 'denied' | 'refused' | 'doubtful';

export interface Failure {
  readonly verdict: Verdict;
  readonly reason: string;
  /** 0: no answer. */
  readonly status: number;
  readonly afterMs: number | undefined;
  /** The server does not know a header that was sent. */
  readonly isUnsupported: boolean;
}

/** Of this object alone. */
const REFUSED = new Set(['EntityTooLarge', 'KeyTooLongError', 'InvalidURI', 'MetadataTooLarge']);

/** 4xx, though not 401, 403 or 404, that come from the configuration or from credentials. */
const DENIED = new Set([
  'AuthorizationHeaderMalformed',
  'ExpiredToken',
  'IllegalLocationConstraintException',
  'InvalidAccessKeyId',
  'InvalidBucketName',
  'InvalidStorageClass',
  'InvalidTag',
  'InvalidToken',
  'KMS.DisabledException',
  'KMS.NotFoundException',
  'PermanentRedirect',
  'RequestExpired',
  'SignatureDoesNotMatch',
]);

const AWAY_STATUS = new Set([408, 409, 425, 429]);
const DENIED_STATUS = new Set([301, 307, 401, 403, 404]);
const REASON_CHARACTERS_MAX = 200;

/** Takes whatever was thrown. */
export function readFailure(error: unknown): Failure {
  const fields = (typeof error === 'object' && error !== null ? error : {}) as Fields;
  const name = String(fields.name ?? '');
  const status = fields.$metadata?.httpStatusCode ?? 0;
  return {
    verdict: verdictOf(name, status, fields.code),
    reason: reasonOf(name, status, fields),
    status,
    afterMs: retryAfterMs(fields.$response?.headers?.['retry-after']),
    isUnsupported: status === 501 || name === 'NotImplemented',
  };
}

interface Fields {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Record<string, string | undefined> };
}

/** Node's: the request was never made, and never will be. */
const UNSENDABLE = new Set([
  'ERR_INVALID_CHAR',
  'ERR_HTTP_INVALID_HEADER_VALUE',
  'ERR_INVALID_URL',
]);

function verdictOf(name: string, status: number, code: unknown): Verdict {
  if (UNSENDABLE.has(String(code))) return 'refused';
  if (REFUSED.has(name) || status === 413) return 'refused';
  if (DENIED.has(name) || DENIED_STATUS.has(status)) return 'denied';
  if (status >= 400 && status < 500 && !AWAY_STATUS.has(status)) return 'doubtful';
  return /Credential|TokenProvider/.test(name) ? 'denied' : 'away';
}

function reasonOf(name: string, status: number, fields: Fields): string {
  const code = typeof fields.code === 'string' ? fields.code : name;
  const text = [status > 0 ? String(status) : '', code || 'failed'].filter(Boolean).join(' ');
  const message = String(fields.message ?? '').replace(/\s+/g, ' ');
  const isNews = message !== '' && message !== code && message !== 'UnknownError';
  return (isNews ? `${text}: ${message}` : text).slice(0, REASON_CHARACTERS_MAX);
}

/** Seconds; a date is not worth waiting for (RFC 9110 10.2.3). */
function retryAfterMs(header: string | undefined): number | undefined {
  const seconds = Number(header);
  return header !== undefined && seconds >= 0 ? Math.min(seconds, 60) * 1000 : undefined;
}
