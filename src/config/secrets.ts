/**
 * What must not leave the host unless the configuration says otherwise: secret headers, and the query
 * parameters of the semantic conventions ("url" registry, sensitive_query_parameters).
 */

/** Stands for a value that was taken out. */
export const REDACTED = 'REDACTED';

/** Begins what stands for a value by which equal ones are known; so many hex digits follow. */
export const HASH_PREFIX = 'hash:';
export const HASH_DIGITS = 16;

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

/** `mark` in the place of user and password of the URLs in `text` (RFC 3986 3.2.1). */
export function withoutUsers(text: string, mark = `${REDACTED}@`): string {
  return text.replace(/:\/\/[^/?#\s]*@/g, () => `://${mark}`);
}

/** The same of an authority by itself: a Host header, the target of CONNECT. */
export function withoutUser(authority: string): string {
  return authority.replace(/^.*@/s, `${REDACTED}@`);
}

/**
 * A header value: without users, and with the queries of its URLs as `clean` leaves them.
 * Fragments carry tokens in the form of queries (RFC 6749 4.2.2).
 */
export function cleanUrls(value: string, clean: (query: string) => string): string {
  return cleanQueries(withoutUsers(value), /([?#])([^\s"'<>#]*)/g, clean);
}

/** `pattern` finds a sign and the query behind it. */
export function cleanQueries(
  text: string,
  pattern: RegExp,
  clean: (query: string) => string,
): string {
  return text.replace(pattern, (_, sign: string, query: string) => sign + clean(query));
}
