/**
 * Server-sent events (HTML 9.2) whose data is JSON, a document in each line, as programs stream it.
 * Null: one of them is not JSON though it begins like it (it may go on in the next line).
 */
import { type JsonRule, redactJson } from './json.ts';
import type { Replacer } from './replacer.ts';

const DATA = /^(\uFEFF?data: ?)(\s*[{[].*)$/s;

export function redactEventStream(
  text: string,
  rules: readonly JsonRule[],
  replacer: Replacer,
): string | null {
  const kept: string[] = [];
  // Lines and their ends in turn.
  for (const part of text.split(/(\r\n|\n|\r)/)) {
    const [, field = '', data] = DATA.exec(part) ?? [];
    const redacted = data === undefined ? part : redactJson(data, rules, replacer);
    if (redacted === null) return null;
    kept.push(field + redacted);
  }
  return kept.join('');
}
