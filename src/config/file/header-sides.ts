/** Headers that stand on one side only: a rule that asks for them on the other never matches. */
import { wordsOf } from './expression-words.ts';
import type { Finding } from './finding.ts';
import type { Grammatical } from './read-context.ts';

/** Fields of responses (RFC 9110, RFC 6265, RFC 6797) that no client sends. */
const RESPONSE_ONLY = [
  'accept-ranges',
  'age',
  'allow',
  'etag',
  'location',
  'proxy-authenticate',
  'retry-after',
  'server',
  'set-cookie',
  'strict-transport-security',
  'vary',
  'www-authenticate',
];

const REQUEST_HEADERS = 'http.req.headers.';

/** `http.req.headers.retry-after`, as one of the guides has it, never matches. */
export function checkHeaderSides(expressions: readonly Grammatical[]): Finding[] {
  return expressions.flatMap(({ text, path }) =>
    wordsOf(text)
      .filter(({ text: field }) => isMisplaced(field.toLowerCase()))
      .map(({ text: field, offset }): Finding => {
        const name = field.slice(REQUEST_HEADERS.length);
        const message = `${name} is a header of responses; no request has it`;
        const hint = `http.res.headers.${name} is the field of the response`;
        return { severity: 'warning', path, offset, message, hint };
      }),
  );
}

function isMisplaced(field: string): boolean {
  const name = field.slice(REQUEST_HEADERS.length);
  return field.startsWith(REQUEST_HEADERS) && RESPONSE_ONLY.includes(name);
}
