/** Queries without the values of sensitive parameters: keys stay, values become REDACTED. */
import { REDACTED, SENSITIVE_QUERY_KEYS } from '../config/secrets.ts';
import { latin1, Scratch } from './bytes.ts';

const AMPERSAND = 0x26;
const EQUALS = 0x3d;
const PERCENT = 0x25;

export class QueryRedaction {
  readonly #keys: readonly string[];
  readonly #lengths: boolean[] = [];

  constructor(keys: readonly string[] = SENSITIVE_QUERY_KEYS) {
    this.#keys = keys;
    for (const key of keys) this.#lengths[key.length] = true;
  }

  /** True when some parameter of the query [start, end) has a sensitive key. */
  isNeeded(bytes: Uint8Array, start: number, end: number): boolean {
    for (let at = start; at < end; ) {
      const keyStart = at;
      let hasPercent = false;
      for (; at < end && bytes[at] !== EQUALS && bytes[at] !== AMPERSAND; at++) {
        if (bytes[at] === PERCENT) hasPercent = true;
      }
      if (this.#isSensitive(bytes, keyStart, at, hasPercent)) return true;
      while (at < end && bytes[at] !== AMPERSAND) at++;
      at++;
    }
    return false;
  }

  /** Appends the query [start, end) to `out` with sensitive values replaced. */
  append(bytes: Uint8Array, start: number, end: number, out: Scratch): void {
    for (let at = start; at < end; ) {
      const keyStart = at;
      while (at < end && bytes[at] !== EQUALS && bytes[at] !== AMPERSAND) at++;
      const keyEnd = at;
      while (at < end && bytes[at] !== AMPERSAND) at++;
      const isSecret = keyEnd < at && this.#isSensitive(bytes, keyStart, keyEnd, true);
      out.append(bytes, keyStart, isSecret ? keyEnd + 1 : at);
      if (isSecret) out.appendText(REDACTED);
      if (at < end) out.appendText('&');
      at++;
    }
  }

  /** The same of a query by itself, bytes as Latin-1. */
  clean(query: string): string {
    const bytes = Buffer.from(query, 'latin1');
    if (!this.isNeeded(bytes, 0, bytes.length)) return query;
    const out = new Scratch();
    this.append(bytes, 0, bytes.length, out);
    return latin1(out.source.bytes, 0, out.pos);
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
