/**
 * Bodies without secrets. Which rules cover a body is told by its Content-Type; a covered body that is
 * not whole, or not what it claims to be, is masked whole: what cannot be read cannot be cleaned.
 */
import { isUtf8 } from 'node:buffer';
import { type PairRules, redactForm } from '../../config/query-pairs.ts';
import { REDACTED } from '../../config/secrets.ts';
import { type Format, formatOf } from './body-format.ts';
import { redactEventStream } from './event-stream.ts';
import { type JsonRule, redactJson } from './json.ts';
import type { Replacer } from './replacer.ts';
import type { BodyInput, BodyResult, MaskReason } from './types.ts';

export interface BodyRules {
  readonly json: readonly JsonRule[];
  readonly forms: PairRules;
  readonly hasForms: boolean;
  readonly replacer: Replacer;
}

export function redactBody(body: BodyInput, rules: BodyRules): BodyResult {
  const { decoded, isTruncated, contentType } = body;
  const format = formatOf(contentType, decoded);
  if (decoded?.length === 0 && !isTruncated) return { kind: 'untouched' };
  if (!isCovered(format, rules)) return { kind: 'untouched' };
  if (decoded === null || !isReadable(contentType) || isWide(decoded)) return masked('not-decoded');
  if (isTruncated) return masked('truncated');
  if (format.startsWith('multipart') && !isOnlyPatterns(rules)) return masked('multipart');
  return redactWhole(decoded, format, rules);
}

function isOnlyPatterns({ json, hasForms }: BodyRules): boolean {
  return json.length === 0 && !hasForms;
}

function isCovered(format: Format, { json, hasForms, replacer }: BodyRules): boolean {
  if (replacer.patterns.length > 0) return true;
  switch (format) {
    case 'json':
    case 'json-like':
    case 'event-stream':
      return json.length > 0;
    case 'form':
    case 'multipart':
      return hasForms;
    case 'form-or-json':
    case 'multipart-json':
      return hasForms || json.length > 0;
    case 'other':
      return false;
  }
}

function redactWhole(decoded: Uint8Array, format: Format, rules: BodyRules): BodyResult {
  const bytes = Buffer.from(decoded.buffer, decoded.byteOffset, decoded.byteLength);
  const encoding = isUtf8(bytes) ? 'utf8' : 'latin1';
  const text = bytes.toString(encoding);
  const { json, forms, replacer } = rules;
  const clean = (cleaned: string) => redactedText(replacer.clean(cleaned), encoding);
  switch (format) {
    case 'json':
    case 'json-like':
    case 'form-or-json': {
      const redacted = encoding === 'utf8' ? redactJson(text, json, replacer) : null;
      if (redacted !== null) return clean(redacted);
      // Without a rule for its parts it need not be JSON.
      if (format !== 'json-like' && json.length > 0) return masked('not-json');
      return format === 'form-or-json'
        ? redactedText(redactForm(text, forms), encoding)
        : clean(text);
    }
    case 'event-stream': {
      const redacted = json.length > 0 ? redactEventStream(text, json, replacer) : text;
      return redacted === null ? masked('not-json') : clean(redacted);
    }
    case 'form':
      return redactedText(redactForm(text, forms), encoding);
    default:
      return clean(text);
  }
}

/** Bytes of these are ASCII where their text is; in UTF-16 a pattern would find nothing. */
function isReadable(contentType: string): boolean {
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType)?.[1]?.toLowerCase();
  return charset === undefined || /^(?:utf-?8|us-ascii|iso-8859-\d+|windows-125\d)$/.test(charset);
}

/** UTF-16 and UTF-32 by their byte order mark. */
function isWide([first, second, third, fourth]: Uint8Array): boolean {
  const isLittle = first === 0xff && second === 0xfe;
  const isBig = first === 0xfe && second === 0xff;
  return isLittle || isBig || (first === 0 && second === 0 && third === 0xfe && fourth === 0xff);
}

function redactedText(text: string, encoding: 'utf8' | 'latin1'): BodyResult {
  return { kind: 'redacted', bytes: Buffer.from(text, encoding) };
}

function masked(why: MaskReason): BodyResult {
  return { kind: 'masked', bytes: Buffer.from(REDACTED), why };
}
