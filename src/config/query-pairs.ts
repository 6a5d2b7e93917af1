/**
 * Queries and form bodies, `key=value&key=value`, without the values of some keys. Keys are compared
 * as servers read them, so an escaped key is the same key, and one behind a `;` is a key, too (older
 * servers separate there). What is not touched stays as it was written.
 */
import { cleanUrls, REDACTED } from './secrets.ts';

export interface PairRules {
  /**
   * What becomes of `value`, which is as it was written, by its decoded key. null: both go;
   * undefined: there is no rule.
   */
  redact(key: string, value: string): string | null | undefined;
  /** Keys and values that have no rule. Left out: they stay. */
  clean?(text: string): string;
}

/** URLs in values of URLs; what is deeper is masked. */
const NESTED_MAX = 3;
/** Signs of a URL that has something to hide: `?` `#` `@`, escaped or not. */
const URL_SIGN = /[?#@]|%(?:3f|23|40)/i;

/** A query: values that are URLs lose their users, and what is covered of their queries. */
export function redactQuery(text: string, rules: PairRules, depth = 0): string {
  return mapPairs(text, (pair) => redactPair(pair, rules, depth));
}

/** A form: its values are values. */
export function redactForm(text: string, rules: PairRules): string {
  return mapPairs(text, (pair) => redactPair(pair, rules, undefined));
}

function mapPairs(text: string, map: (pair: string) => string | null): string {
  const kept: string[] = [];
  for (const pair of text.split('&')) {
    const mapped = map(pair);
    if (mapped !== null) kept.push(mapped);
  }
  return kept.join('&');
}

/**
 * Up to the next `&`, which no server reads as part of a value. A `;` may be: what follows a covered
 * key goes with its value. `depth`: of the URL; undefined: values are no URLs.
 */
function redactPair(pair: string, rules: PairRules, depth: number | undefined): string | null {
  let start = 0;
  for (let equals = pair.indexOf('='); equals >= 0; equals = pair.indexOf('=', start)) {
    if (start > 0) start = pair.lastIndexOf(';', equals) + 1;
    const key = pair.slice(start, equals);
    const replaced = rules.redact(decodeEscapes(key), pair.slice(equals + 1));
    if (replaced !== undefined) return joinPair(pair.slice(0, start), key, replaced, rules, depth);
    // A `;` before the first key separates as well.
    start = pair.indexOf(';', start) + 1;
    if (start === 0) break;
  }
  return cleanPair(pair, rules, depth);
}

/** `before`: pairs that end with `;`, or nothing. */
function joinPair(
  before: string,
  key: string,
  value: string | null,
  rules: PairRules,
  depth: number | undefined,
): string | null {
  if (value !== null) return `${cleanPair(before, rules, depth)}${key}=${value}`;
  return before === '' ? null : cleanPair(before.slice(0, -1), rules, depth);
}

function cleanPair(pair: string, rules: PairRules, depth: number | undefined): string {
  const clean = rules.clean ?? ((text: string) => text);
  const equals = pair.indexOf('=');
  if (equals < 0) return clean(pair);
  const value = pair.slice(equals + 1);
  const shown =
    depth === undefined || !URL_SIGN.test(value) ? value : cleanUrl(value, rules, depth);
  return `${clean(pair.slice(0, equals))}=${clean(shown)}`;
}

/** As it is written, and as it is meant. */
function cleanUrl(value: string, rules: PairRules, depth: number): string {
  if (depth === NESTED_MAX) return REDACTED;
  const inner = (text: string) => cleanUrls(text, (query) => redactQuery(query, rules, depth + 1));
  const written = inner(value);
  const meant = decodeEscapes(written);
  if (meant === written) return written;
  const cleaned = inner(meant);
  return cleaned === meant ? written : encodeURIComponent(cleaned.toWellFormed());
}

/** %XX and `+`; bytes that are not UTF-8 stay visible as U+FFFD. */
export function decodeEscapes(text: string): string {
  if (!/[%+]/.test(text)) return text;
  const bytes = Buffer.from(text.replaceAll('+', ' '), 'utf8').toString('latin1');
  const decoded = bytes.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(decoded, 'latin1').toString('utf8');
}
