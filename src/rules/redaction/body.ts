/**
 * Bodies without secrets. Which rules cover a body is told by its Content-Type; a covered body that is
 * not whole, or not what it claims to be, is masked whole: what cannot be read cannot be cleaned.
 */
import { isUtf8 } from 'node:buffer';
import { REDACTED } from '../../config/secrets.ts';
import { type JsonRule, redactJson } from './json.ts';
import { redactPairs } from './pairs.ts';
import type { Replacer } from './replacer.ts';
import type { Action, BodyInput, BodyResult, MaskReason } from './types.ts';

export interface BodyRules {
  readonly json: readonly JsonRule[];
  readonly forms: ReadonlyMap<string, Action>;
  readonly replacer: Replacer;
}

/** Types that say nothing about what is inside. */
const UNTOLD: ReadonlySet<string> = new Set(['', 'text/plain', 'application/octet-stream']);

type Format = 'json' | 'form' | 'multipart' | 'other';

export function redactBody(body: BodyInput, rules: BodyRules): BodyResult {
  const { decoded, isTruncated, contentType } = body;
  const format = formatOf(contentType, decoded);
  if (decoded?.length === 0 && !isTruncated) return { kind: 'untouched' };
  if (!isCovered(format, rules)) return { kind: 'untouched' };
  if (decoded === null || !isReadable(contentType) || isWide(decoded)) return masked('not-decoded');
  if (isTruncated) return masked('truncated');
  if (format === 'multipart' && rules.forms.size > 0) return masked('multipart');
  return redactWhole(decoded, format, rules);
}

function isCovered(format: Format, { json, forms, replacer }: BodyRules): boolean {
  if (replacer.patterns.length > 0) return true;
  if (format === 'json') return json.length > 0;
  return (format === 'form' || format === 'multipart') && forms.size > 0;
}

function redactWhole(decoded: Uint8Array, format: Format, rules: BodyRules): BodyResult {
  const bytes = Buffer.from(decoded.buffer, decoded.byteOffset, decoded.byteLength);
  const encoding = isUtf8(bytes) ? 'utf8' : 'latin1';
  const text = bytes.toString(encoding);
  const { json, forms, replacer } = rules;
  if (format === 'json' && encoding === 'utf8') {
    const redacted = redactJson(text, json, replacer);
    if (redacted !== null) return redactedText(replacer.clean(redacted), encoding);
  }
  // Without a rule for its parts it need not be JSON.
  if (format === 'json' && json.length > 0) return masked('not-json');
  if (format === 'form') return redactedText(redactPairs(text, forms, replacer), encoding);
  return redactedText(replacer.clean(text), encoding);
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

/**
 * RFC 6839 3.1: +json. A body without a type, or one that says it is only text, is JSON when it
 * begins like it, and else, without a type, a form: nothing else would find the fields in it.
 */
function formatOf(contentType: string, decoded: Uint8Array | null): Format {
  const type = contentType.split(';', 1)[0].trim().toLowerCase();
  if (
    /^application\/(?:.*\+)?(?:json|x-ndjson|jsonl|json-seq|x-json)$|^text\/json$|\+json$/.test(
      type,
    )
  )
    return 'json';
  if (type === 'application/x-www-form-urlencoded') return 'form';
  if (type === 'multipart/form-data') return 'multipart';
  if (!UNTOLD.has(type)) return 'other';
  // Not to be decoded: it may be either.
  if (decoded === null) return 'json';
  const first = Buffer.from(decoded.subarray(0, 64)).toString('latin1').trimStart()[0];
  if (first === '{' || first === '[') return 'json';
  return type === '' ? 'form' : 'other';
}
