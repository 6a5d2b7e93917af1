/**
 * tracestate of a span: that of the request head, when the span's trace is the one its
 * traceparent names (W3C Trace Context 3.3). A malformed list is left out whole; several headers
 * are one list.
 */
import { hexWords } from './hex.ts';
import { SLOT } from './known-headers.ts';
import { U32 } from './layout.ts';

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

/** What `ot` of a tracestate says about sampling (OpenTelemetry, "TraceState: probability sampling"). */
export interface ProbabilityState {
  /** `th`: hex digits without zeros at the end; undefined: none, or none that is valid. */
  readonly threshold: string | undefined;
  /** `rv`: 14 hex digits that stand for the randomness of the trace id. */
  readonly randomness: string | undefined;
}

export function probabilityOf(traceState: string): ProbabilityState {
  const own = traceState.split(',').find((member) => member.startsWith('ot='));
  const fields = own === undefined ? [] : own.slice(3).split(';');
  const find = (key: string, pattern: RegExp) => {
    const value = fields.find((field) => field.startsWith(key))?.slice(key.length);
    return value !== undefined && pattern.test(value) ? value : undefined;
  };
  return {
    threshold: find('th:', /^[0-9a-f]{1,14}$/),
    randomness: find('rv:', /^[0-9a-f]{14}$/),
  };
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
