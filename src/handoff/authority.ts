/**
 * `[userinfo@]host[:port]` of a Host header or target (RFC 3986 3.2), as offsets. Brackets of
 * IPv6 literals are left out, as `server.address` wants it; userinfo is never part of the host.
 */
import { HASH_DIGITS, HASH_PREFIX, REDACTED } from '../config/secrets.ts';

const AT = 0x40;
const COLON = 0x3a;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const UPPER_R = 0x52;
const LOWER_H = 0x68;
const HASH_BYTES = HASH_PREFIX.length + HASH_DIGITS;

export class Authority {
  userEnd = 0;
  hostStart = 0;
  hostEnd = 0;
  /** 0 when none is given or it is not a port. */
  port = 0;
  hasUser = false;
  /** A redaction rule put something else in its place: nothing is known of host and port. */
  isReplaced = false;

  parse(bytes: Uint8Array, start: number, end: number): void {
    const at = behindUser(bytes, start, end);
    this.hasUser = at > start;
    this.userEnd = this.hasUser ? at - 1 : start;
    this.isReplaced = isReplacement(bytes, at, end);
    if (bytes[at] === OPEN && at < end) this.#parseLiteral(bytes, at + 1, end);
    else this.#parseName(bytes, at, end);
  }

  #parseLiteral(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end && bytes[at] !== CLOSE) at++;
    this.hostStart = start;
    this.hostEnd = at;
    this.port = bytes[at + 1] === COLON ? parsePort(bytes, at + 2, end) : 0;
  }

  /** More than one colon without brackets: a bare IPv6 address, as some X-Forwarded-For have it. */
  #parseName(bytes: Uint8Array, start: number, end: number): void {
    let first = -1;
    let colons = 0;
    for (let i = start; i < end; i++) {
      if (bytes[i] !== COLON) continue;
      if (first < 0) first = i;
      colons++;
    }
    const hasPort = colons === 1 && !this.isReplaced;
    this.hostStart = start;
    this.hostEnd = hasPort ? first : end;
    this.port = hasPort ? parsePort(bytes, first + 1, end) : 0;
  }
}

/** Where the host begins: behind the last `@`. */
export function behindUser(bytes: Uint8Array, start: number, end: number): number {
  for (let at = end; at > start; at--) if (bytes[at - 1] === AT) return at;
  return start;
}

function isReplacement(bytes: Uint8Array, start: number, end: number): boolean {
  // Few hosts begin like one: strings are made only of those.
  switch (bytes[start]) {
    case UPPER_R:
      return end - start === REDACTED.length && latin1(bytes, start, end) === REDACTED;
    case LOWER_H:
      return end - start === HASH_BYTES && latin1(bytes, start, end).startsWith(HASH_PREFIX);
    default:
      return false;
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

function parsePort(bytes: Uint8Array, start: number, end: number): number {
  let port = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i] - 0x30;
    if (digit < 0 || digit > 9 || port > 65_535) return 0;
    port = port * 10 + digit;
  }
  return port > 65_535 ? 0 : port;
}
