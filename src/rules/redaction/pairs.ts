/**
 * Queries and form bodies: `key=value&key=value`. Keys are compared as servers read them, so an escaped
 * key is the same key; what is not touched stays as it was written.
 */
import type { Replacer } from './replacer.ts';
import type { Action } from './types.ts';

export function redactPairs(
  text: string,
  actions: ReadonlyMap<string, Action>,
  replacer: Replacer,
): string {
  const kept: string[] = [];
  for (const pair of text.split('&')) {
    const redacted = redactPair(pair, actions, replacer);
    if (redacted !== null) kept.push(redacted);
  }
  return kept.join('&');
}

function redactPair(
  pair: string,
  actions: ReadonlyMap<string, Action>,
  replacer: Replacer,
): string | null {
  const equals = pair.indexOf('=');
  if (equals < 0) return cleanEscaped(pair, replacer, encodeURIComponent);
  const key = pair.slice(0, equals);
  const value = pair.slice(equals + 1);
  const action = actions.get(decodeEscapes(key));
  if (action === undefined || action === 'keep') {
    const [name, text] = [key, value].map((part) =>
      cleanEscaped(part, replacer, encodeURIComponent),
    );
    return `${name}=${text}`;
  }
  const replaced = replacer.replace(action, decodeEscapes(value));
  return replaced === null ? null : `${key}=${replaced}`;
}

/** Patterns see the text as it is meant, and as it is written. */
export function cleanEscaped(
  text: string,
  replacer: Replacer,
  encode: (text: string) => string,
): string {
  if (replacer.patterns.length === 0) return text;
  const decoded = decodeEscapes(text);
  const cleaned = replacer.clean(decoded);
  return cleaned === decoded ? replacer.clean(text) : encode(cleaned.toWellFormed());
}

/** %XX and `+`; bytes that are not UTF-8 stay visible as U+FFFD. */
function decodeEscapes(text: string): string {
  if (!/[%+]/.test(text)) return text;
  const bytes = Buffer.from(text.replaceAll('+', ' '), 'utf8').toString('latin1');
  const decoded = bytes.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(decoded, 'latin1').toString('utf8');
}
