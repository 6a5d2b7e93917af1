/**
 * Heads and targets without secrets: the same lines in the same order. Folded lines become one; lines
 * that are no field (no colon, cut) are left out, since nothing can be said about them.
 */
import { type PairRules, redactQuery } from '../../config/query-pairs.ts';
import {
  cleanHeader,
  cleanTargetEnd,
  mayEndInUser,
  REDACTED,
  withoutUser,
  withoutUsers,
} from '../../config/secrets.ts';
import { headers } from '../../handoff/head.ts';
import { cleanEscaped } from './pairs.ts';
import type { Replacer } from './replacer.ts';
import type { Action } from './types.ts';

const LF = 0x0a;
const CR = 0x0d;

export interface HeadRules {
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, Action>;
  readonly queries: PairRules;
  readonly replacer: Replacer;
}

/** A request or response head, start line to the empty line, as bytes of Latin-1. */
export function redactHead(captured: Buffer, isRequest: boolean, rules: HeadRules): Buffer {
  const head = captured.subarray(emptyLinesBytes(captured));
  // The end of a secret may be what was cut off: nothing would find its beginning.
  const isCut = !isWhole(head);
  const fields = [...headers(head)];
  const lines = [startLine(head, isRequest, rules, isCut && fields.length === 0)];
  for (const [index, [name, value]] of fields.entries()) {
    const isLast = index === fields.length - 1;
    const redacted =
      isCut && isLast ? cutHeader(name, value, rules) : redactHeader(name, value, rules);
    if (redacted !== null) lines.push(`${name}: ${redacted}`);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** RFC 9112 2.2: they may be before a request. */
function emptyLinesBytes(head: Buffer): number {
  let at = 0;
  while (head[at] === CR || head[at] === LF) at++;
  return at;
}

/** Ends with the empty line. */
function isWhole(head: Buffer): boolean {
  const end = head.length;
  const isEmpty = head[end - 2] === LF || (head[end - 2] === CR && head[end - 3] === LF);
  return isEmpty && head[end - 1] === LF;
}

/** Null: the field is to be left out. */
export function redactHeader(name: string, value: string, rules: HeadRules): string | null {
  const key = name.trim().toLowerCase();
  const action = rules.headers.get(key);
  if (action !== undefined && action !== 'keep') return rules.replacer.replace(action, value);
  const cleaned = cleanHeader(key, value, (query) => redactQuery(query, rules.queries));
  return cleanText(cleaned, rules.replacer);
}

/** Of a value that was cut nobody knows what a pattern would find, or where the user of a URL ends. */
function cutHeader(name: string, value: string, rules: HeadRules): string | null {
  const isUnclear = rules.replacer.patterns.length > 0 || mayEndInUser(name, value);
  return isUnclear ? REDACTED : redactHeader(name, value, rules);
}

/** A target as sent (RFC 9112 3.2): path, query, and user and password of the absolute form. */
export function redactTarget(target: string, rules: HeadRules): string {
  const [path = ''] = target.split(/[?#]/, 1);
  const start = cleanEscaped(withoutUsers(path), rules.replacer, encodeURI);
  const rest = target.slice(path.length);
  return start + cleanTargetEnd(rest, (query) => redactQuery(query, rules.queries));
}

/** Header bytes are Latin-1 here; patterns are meant for text. */
function cleanText(value: string, replacer: Replacer): string {
  if (replacer.patterns.length === 0) return value;
  const text = Buffer.from(value, 'latin1').toString('utf8');
  const isUtf8 = !text.includes('\ufffd');
  const cleaned = replacer.clean(isUtf8 ? text : value);
  return isUtf8 ? Buffer.from(cleaned, 'utf8').toString('latin1') : cleaned;
}

function startLine(head: Buffer, isRequest: boolean, rules: HeadRules, isCut: boolean): string {
  const end = head.indexOf(LF);
  const line = head.toString('latin1', 0, end < 0 ? head.length : end).replace(/\r$/, '');
  if (!isRequest) return cleanText(line, rules.replacer);
  const match = /^(\S+) (.*?)( HTTP\/\d\.\d)?$/s.exec(line);
  // What has no method and target may be anything.
  if (match === null) return '';
  if (isCut && cutHeader('', match[2] ?? '', rules) === REDACTED) return `${match[1]} ${REDACTED}`;
  const [, method = '', target = '', version = ''] = match;
  // RFC 9112 3.2.3: only CONNECT asks for an authority.
  const cleaned = redactTarget(method === 'CONNECT' ? withoutUser(target) : target, rules);
  return `${cleanText(method, rules.replacer)} ${cleaned}${version}`;
}
