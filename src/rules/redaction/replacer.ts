/** What a value becomes. */
import { createHmac } from 'node:crypto';
import { HASH_DIGITS, HASH_PREFIX, REDACTED } from '../../config/secrets.ts';
import type { Pattern } from '../values/pattern.ts';
import type { Action } from './types.ts';

export interface PatternRule {
  readonly pattern: Pattern;
  readonly action: Action;
}

export class Replacer {
  readonly #key: Uint8Array;
  readonly patterns: readonly PatternRule[];

  /** `key`: secret of the HMAC, so that short values cannot be found by trying. */
  constructor(key: Uint8Array, patterns: readonly PatternRule[]) {
    this.#key = key;
    this.patterns = patterns;
  }

  /** Null: the value goes, with its name. */
  replace(action: Action, value: string): string | null {
    switch (action) {
      case 'keep':
        return value;
      case 'mask':
        return REDACTED;
      case 'hash':
        return this.#hash(value);
      case 'drop':
        return null;
    }
  }

  /** `text` without what the patterns find. */
  clean(text: string): string {
    let cleaned = text;
    for (const { pattern, action } of this.patterns) {
      cleaned = pattern.replace(cleaned, (found) => this.replace(action, found) ?? '');
    }
    return cleaned;
  }

  #hash(value: string): string {
    const digest = createHmac('sha256', this.#key).update(value).digest('hex');
    return HASH_PREFIX + digest.slice(0, HASH_DIGITS);
  }
}
