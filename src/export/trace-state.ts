/**
 * tracestate of a span: that of the request head, when the span's trace is the one its
 * traceparent names (W3C Trace Context 3.3). A malformed list is left out whole; several headers
 * are one list.
 */
import { hexWords } from '../handoff/hex.ts';
import { SLOT } from '../handoff/known-headers.ts';
import { U32 } from '../handoff/layout.ts';
import { latin1 } from './bytes.ts';

const MEMBERS_MAX = 32;
const KEY = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const FURTHER = /\ntracestate:([^\r\n]*)/gi;

const STATE = U32.known + 2 * SLOT.tracestate;
const PARENT = U32.known + 2 * SLOT.traceparent;

export function hasTraceState(u32: Uint32Array, row: number): boolean {
  return u32[row + STATE + 1] !== 0;
}

/** Empty for none. Call only when `hasTraceState`; builds strings. */
export function traceStateOf(u32: Uint32Array, row: number, bytes: Uint8Array): string {
  const head = u32[row + U32.requestHeadOffset];
  const headEnd = head + u32[row + U32.requestHeadBytes];
  const parent = latin1(bytes, head + u32[row + PARENT], head + u32[row + PARENT + 1]).trim();
  if (parent.slice(3, 35) !== traceIdHex(u32, row)) return '';
  const first = latin1(bytes, head + u32[row + STATE], head + u32[row + STATE + 1]);
  const rest = latin1(bytes, head + u32[row + STATE + 1], headEnd);
  const all = [first, ...Array.from(rest.matchAll(FURTHER), (match) => match[1] ?? '')];
  return checkTraceState(all.join(','));
}

function checkTraceState(text: string): string {
  const members = text
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');
  if (members.length > MEMBERS_MAX) return '';
  const keys = new Set<string>();
  for (const member of members) {
    const equals = member.indexOf('=');
    const name = member.slice(0, Math.max(equals, 0));
    if (!KEY.test(name) || !VALUE.test(member.slice(equals + 1)) || keys.has(name)) return '';
    keys.add(name);
  }
  return members.join(',');
}

function traceIdHex(u32: Uint32Array, row: number): string {
  return hexWords(u32, row + U32.traceId, 4);
}

/** `ot=th:...` raised to `threshold`; other members and an `rv` stay. */
export function mergeThreshold(traceState: string, threshold: string): string {
  const members = traceState === '' ? [] : traceState.split(',');
  const own = members.find((member) => member.startsWith('ot='));
  const fields = own === undefined ? [] : own.slice(3).split(';');
  const theirs = fields.find((field) => field.startsWith('th:'))?.slice(3) ?? '0';
  const higher = theirs.padEnd(14, '0') > threshold.padEnd(14, '0') ? theirs : threshold;
  const others = fields.filter((field) => !field.startsWith('th:'));
  const merged = `ot=${[`th:${higher}`, ...others].join(';')}`;
  return [merged, ...members.filter((member) => member !== own)].slice(0, 32).join(',');
}
