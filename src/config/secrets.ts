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

/** A URL's beginning up to its last `@`, escaped or not. */
const USER = /((?::|%3a)(?:\/|%2f){2})(?:(?!%2f|%3f|%23)[^/?#\s])*(?:@|%40)/gi;

/** `mark` in the place of user and password of the URLs in `text` (RFC 3986 3.2.1). */
export function withoutUsers(text: string, mark = `${REDACTED}@`): string {
  if (!text.includes('@') && !text.includes('%40')) return text;
  return text.replace(USER, (_, start: string) => start + mark);
}

/** The same of an authority by itself: a Host header, the target of CONNECT. */
export function withoutUser(authority: string): string {
  return authority.replace(/^.*@/s, `${REDACTED}@`);
}

/** Fields whose value is an authority; RFC 7239: `Forwarded` has them in `host`. */
const AUTHORITY_HEADERS: ReadonlySet<string> = new Set(['host', 'x-forwarded-host']);
/** Fields whose value is a single URL: nothing ends it but the line. */
const URL_HEADERS: ReadonlySet<string> = new Set([
  'content-location',
  'destination',
  'location',
  'referer',
  'x-forwarded-uri',
  'x-original-url',
  'x-rewrite-url',
]);

/** A query ends where the text around it goes on; `'` may be part of one, and `"` often is. */
const QUERY_IN_TEXT = /([?#])([^\s<>#]*?)(?=["'](?:[\s<>;,]|$)|[\s<>#]|$)/g;
const QUERY_OF_URL = /([?#])([^#]*)/g;

/** The value of a field: without users, and with the queries of its URLs as `clean` leaves them. */
export function cleanHeader(name: string, value: string, clean: (query: string) => string): string {
  const key = name.toLowerCase();
  if (AUTHORITY_HEADERS.has(key)) return cleanUrls(withoutUser(value), clean);
  if (key === 'forwarded') {
    const cleaned = value.replace(/(\bhost="?)[^";,]*@/gi, `$1${REDACTED}@`);
    return cleanUrls(cleaned, clean);
  }
  if (!URL_HEADERS.has(key)) return cleanUrls(value, clean);
  // RFC 3986 4.2: without a scheme.
  const absolute = value.replace(/^\/\/[^/?#]*@/, `//${REDACTED}@`);
  return cleanQueries(withoutUsers(absolute), QUERY_OF_URL, clean);
}

/** Whether a value that was cut ends within what may be user and password, of which no `@` tells. */
export function mayEndInUser(name: string, value: string): boolean {
  return /(?:\/|%2f){2}[^/?#\s]*$/i.test(value) || /host|forwarded/i.test(name);
}

/**
 * Text with URLs in it. Fragments carry tokens in the form of queries (RFC 6749 4.2.2).
 */
export function cleanUrls(text: string, clean: (query: string) => string): string {
  return cleanQueries(withoutUsers(text), QUERY_IN_TEXT, clean);
}

/** The part of a target from its query on. */
export function cleanTargetEnd(text: string, clean: (query: string) => string): string {
  return cleanQueries(text, QUERY_OF_URL, clean);
}

/** `pattern` finds a sign and the query behind it. */
function cleanQueries(text: string, pattern: RegExp, clean: (query: string) => string): string {
  if (!text.includes('?') && !text.includes('#')) return text;
  return text.replace(pattern, (_, sign: string, query: string) => sign + clean(query));
}
