/** Queries without the values of sensitive parameters: keys stay, values become REDACTED. */
import { type PairRules, redactQuery } from '../config/query-pairs.ts';
import { REDACTED, SENSITIVE_QUERY_KEYS } from '../config/secrets.ts';
import { latin1, type Scratch } from './bytes.ts';

const AMPERSAND = 0x26;
const EQUALS = 0x3d;
const PERCENT = 0x25;
/** The last sign that means anything here: letters are behind it. */
const AT = 0x40;
/** Signs of a key behind a semicolon, and of a URL within a value. */
const UNUSUAL: boolean[] = new Array(AT + 1).fill(false);
for (const sign of Buffer.from(';?#@')) UNUSUAL[sign] = true;

export class QueryRedaction {
  readonly #keys: readonly string[];
  readonly #lengths: boolean[] = [];
  readonly #rules: PairRules;

  constructor(keys: readonly string[] = SENSITIVE_QUERY_KEYS) {
    this.#keys = keys;
    this.#rules = { redact: (key) => (keys.includes(key) ? REDACTED : undefined) };
    for (const key of keys) this.#lengths[key.length] = true;
  }

  /** True when a parameter of the query [start, end) has a sensitive key, or may hide one. */
  isNeeded(bytes: Uint8Array, start: number, end: number): boolean {
    // Nothing is to be taken out: the query comes without secrets.
    if (this.#keys.length === 0) return false;
    for (let at = start; at < end; ) {
      const keyStart = at;
      let hasPercent = false;
      for (; at < end; at++) {
        const byte = bytes[at];
        if (byte > AT) continue;
        if (byte === EQUALS || byte === AMPERSAND) break;
        if (byte === PERCENT) hasPercent = true;
        else if (UNUSUAL[byte]) return true;
      }
      if (this.#isSensitive(bytes, keyStart, at, hasPercent)) return true;
      for (; at < end; at++) {
        const byte = bytes[at];
        if (byte > AT) continue;
        if (byte === AMPERSAND) break;
        if (UNUSUAL[byte] || (byte === PERCENT && isSignEscape(bytes, at))) return true;
      }
      at++;
    }
    return false;
  }

  /** Appends the query [start, end) to `out` with sensitive values replaced. */
  append(bytes: Uint8Array, start: number, end: number, out: Scratch): void {
    out.appendText(this.clean(latin1(bytes, start, end)));
  }

  /** The same of a query by itself, bytes as Latin-1. */
  clean(query: string): string {
    return this.#keys.length === 0 ? query : redactQuery(query, this.#rules);
  }

  /** An escaped key is the same key to the server that reads it. */
  #isSensitive(bytes: Uint8Array, start: number, end: number, mayBeEscaped: boolean): boolean {
    if (mayBeEscaped && bytes.subarray(start, end).includes(PERCENT)) {
      return this.#keys.includes(unescapeKey(latin1(bytes, start, end)));
    }
    if (this.#lengths[end - start] !== true) return false;
    return this.#keys.includes(latin1(bytes, start, end));
  }
}

function unescapeKey(key: string): string {
  return key.replace(/%([0-9A-Fa-f]{2})/g, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** %3F %23 %40. */
function isSignEscape(bytes: Uint8Array, at: number): boolean {
  const digit = bytes[at + 2];
  switch (bytes[at + 1]) {
    case 0x33:
      return (digit | 0x20) === 0x66;
    case 0x32:
      return digit === 0x33;
    case 0x34:
      return digit === 0x30;
    default:
      return false;
  }
}
