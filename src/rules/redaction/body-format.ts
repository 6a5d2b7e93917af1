/**
 * What a body is, for the rules that look into it: by its Content-Type, and by its look, because
 * senders name types that are wrong (curl calls JSON a form) or none.
 */

/**
 * json: has to be it. json-like: of another type, but begins like it. form-or-json: called a form, or
 * nothing, and not known to be one. multipart-json: of its parts, one is JSON.
 */
export type Format =
  | 'json'
  | 'json-like'
  | 'form'
  | 'form-or-json'
  | 'event-stream'
  | 'multipart'
  | 'multipart-json'
  | 'other';

/** Types that say nothing about what is inside. */
const UNTOLD: ReadonlySet<string> = new Set(['', 'text/plain', 'application/octet-stream']);

const BOM = '\u00ef\u00bb\u00bf';

/** RFC 6839 3.1: +json. The others are in use though not registered, with versions (AWS). */
const JSON_TYPE =
  /\+json$|^(?:application|text)\/(?:x-)?(?:json(?:5|l|-?lines|-seq)?|ndjson|amz-json-[\d.]+|csp-report)$/;

export function formatOf(contentType: string, decoded: Uint8Array | null): Format {
  const type = contentType.split(/[;,]/, 1)[0].trim().toLowerCase();
  if (JSON_TYPE.test(type)) return 'json';
  if (type.startsWith('multipart/')) return multipart(type, decoded);
  const isForm = type === 'application/x-www-form-urlencoded';
  const isUntold = UNTOLD.has(type);
  // Not to be decoded: it may be either.
  if (decoded === null && (isForm || isUntold)) return 'form-or-json';
  if (decoded !== null && beginsLikeJson(decoded)) {
    if (isForm) return 'form-or-json';
    return isUntold ? 'json' : 'json-like';
  }
  if (type === 'text/event-stream') return 'event-stream';
  // Without a type nothing else would find the fields in it.
  return isForm || type === '' ? 'form' : 'other';
}

/** Only multipart/form-data has fields; any may have JSON in it. */
function multipart(type: string, decoded: Uint8Array | null): Format {
  const hasFields = type === 'multipart/form-data';
  if (decoded === null || hasJsonPart(latin1(decoded))) return 'multipart-json';
  return hasFields ? 'multipart' : 'other';
}

function hasJsonPart(text: string): boolean {
  return /^content-type:[^\r\n]*json/im.test(text) || /\n\r?\n[ \t]*[{[]/.test(text);
}

/** RFC 8259 2: white space may be before it. */
function beginsLikeJson(decoded: Uint8Array): boolean {
  let at = latin1(decoded.subarray(0, BOM.length)) === BOM ? BOM.length : 0;
  while (at < decoded.length && isSpace(decoded[at])) at++;
  return decoded[at] === 0x7b || decoded[at] === 0x5b;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
