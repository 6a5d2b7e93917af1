/**
 * What must not leave the host unless the configuration says otherwise: secret headers, and the query
 * parameters of the semantic conventions ("url" registry, sensitive_query_parameters).
 */

/** Stands for a value that was taken out. */
export const REDACTED = 'REDACTED';

/** Case-sensitive, as the semantic conventions list them. */
export const SENSITIVE_QUERY_KEYS: readonly string[] = [
  'X-Amz-Signature',
  'X-Amz-Credential',
  'X-Amz-Security-Token',
  'AWSAccessKeyId',
  'Signature',
  'sig',
  'X-Goog-Signature',
];

/** Lower case. */
export const SECRET_HEADERS: readonly string[] = [
  'authorization',
  'cookie',
  'set-cookie',
  'proxy-authorization',
  'x-api-key',
];

/** A URL for logs and messages, `mark` in the place of user and password (RFC 3986 3.2.1). */
export function withoutCredentials(url: string, mark = ''): string {
  return url.replace(/\/\/[^/?#]*@/, () => `//${mark}`);
}
