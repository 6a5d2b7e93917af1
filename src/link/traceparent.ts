/**
 * W3C Trace Context: the traceparent header of a request head (Level 2, section 3.2), read from
 * bytes into id words. tracestate stays in the head; the export stage reads it there.
 */
import type { SpanLink } from '../handoff/batch-writer.ts';
import { SLOT } from '../handoff/known-headers.ts';
import type { MessageHead } from '../protocol/types.ts';

/** A caller's context. Words are big endian, as signed 32-bit integers. */
export interface TraceContext extends SpanLink {
  /** The known bits: sampled (1) and random (2). */
  readonly flags: number;
}

export const SAMPLED = 1;
export const RANDOM = 2;

const START = 2 * SLOT.traceparent;
const END = START + 1;
const REPEATED = 1 << SLOT.traceparent;
const VALUE_BYTES = 55;
const DASH = 0x2d;
const NAME = 'traceparent';

/** Value of a lower-case hex digit by byte; -1 for all others (upper case is invalid). */
const DIGIT = new Int8Array(256).fill(-1);
for (let i = 0; i < 16; i++) DIGIT['0123456789abcdef'.charCodeAt(i)] = i;

/** `conflict`: several traceparent headers that differ, which is no context (W3C 3.2). */
export type ParsedContext = TraceContext | 'absent' | 'invalid' | 'conflict';

export function parseTraceparent(head: MessageHead): ParsedContext {
  const start = head.known[START];
  if (start < 0) return 'absent';
  const end = head.known[END];
  if ((head.repeated & REPEATED) !== 0 && hasOtherTraceparent(head.bytes, start, end))
    return 'conflict';
  return parseValue(head.store, head.start + start, head.start + end) ?? 'invalid';
}

function parseValue(bytes: Uint8Array, start: number, end: number): TraceContext | null {
  if (!isWellFormed(bytes, start, end)) return null;
  const trace0 = hexWord(bytes, start + 3);
  const trace1 = hexWord(bytes, start + 11);
  const trace2 = hexWord(bytes, start + 19);
  const trace3 = hexWord(bytes, start + 27);
  const span0 = hexWord(bytes, start + 36);
  const span1 = hexWord(bytes, start + 44);
  if ((trace0 | trace1 | trace2 | trace3) === 0 || (span0 | span1) === 0) return null;
  const flags = DIGIT[bytes[start + 54]] & (SAMPLED | RANDOM);
  return { trace0, trace1, trace2, trace3, span0, span1, flags };
}

/** `vv-` 32 digits `-` 16 digits `-ff`, and what a higher version may add (3.2.2, 4.2). */
function isWellFormed(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (length < VALUE_BYTES || !areDigits(bytes, start, 2)) return false;
  const version = (DIGIT[bytes[start]] << 4) | DIGIT[bytes[start + 1]];
  if (version === 0xff) return false;
  if (length > VALUE_BYTES && (version === 0 || bytes[start + VALUE_BYTES] !== DASH)) return false;
  return (
    bytes[start + 2] === DASH &&
    areDigits(bytes, start + 3, 32) &&
    bytes[start + 35] === DASH &&
    areDigits(bytes, start + 36, 16) &&
    bytes[start + 52] === DASH &&
    areDigits(bytes, start + 53, 2)
  );
}

function areDigits(bytes: Uint8Array, at: number, count: number): boolean {
  let all = 0;
  for (let i = at; i < at + count; i++) all |= DIGIT[bytes[i]];
  return all >= 0;
}

function hexWord(bytes: Uint8Array, at: number): number {
  let word = 0;
  for (let i = at; i < at + 8; i++) word = (word << 4) | DIGIT[bytes[i]];
  return word;
}

/**
 * More than one traceparent is no context, but two equal ones are common (a proxy that copies and
 * a module that adds) and name one caller without doubt.
 */
function hasOtherTraceparent(bytes: Buffer, start: number, end: number): boolean {
  for (let line = nextLine(bytes, end); line > 0; line = nextLine(bytes, line))
    if (isTraceparent(bytes, line) && !hasValue(bytes, line, start, end)) return true;
  return false;
}

/** Start of the next header line; 0 at the end of the head. */
function nextLine(bytes: Buffer, from: number): number {
  return bytes.indexOf(0x0a, from) + 1;
}

function isTraceparent(bytes: Uint8Array, line: number): boolean {
  if (bytes[line + NAME.length] !== 0x3a) return false;
  for (let i = 0; i < NAME.length; i++)
    if ((bytes[line + i] | 0x20) !== NAME.charCodeAt(i)) return false;
  return true;
}

/** True when the field at `line` has the value [start, end) and nothing after it but space. */
function hasValue(bytes: Uint8Array, line: number, start: number, end: number): boolean {
  let value = line + NAME.length + 1;
  while (isSpace(bytes[value])) value++;
  for (let i = start; i < end; i++, value++) if (bytes[value] !== bytes[i]) return false;
  while (isSpace(bytes[value])) value++;
  return bytes[value] === 0x0d || bytes[value] === 0x0a;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}
