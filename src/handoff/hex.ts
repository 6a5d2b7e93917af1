/** Ids in columns, as text. */

/** Eight lower-case hex digits for each of `count` words from `at` on. */
export function hexWords(words: Uint32Array, at: number, count: number): string {
  let hex = '';
  for (let i = at; i < at + count; i++) hex += words[i].toString(16).padStart(8, '0');
  return hex;
}
