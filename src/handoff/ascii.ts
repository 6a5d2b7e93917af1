/** Bytes as ASCII, the character set of HTTP's syntax (RFC 9110 5.1): letters without case, digits. */

/** ASCII letters only; everything else stays. */
export function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

/** Value of a hexadecimal digit, -1 for anything else. */
export function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Optional white space, RFC 9110 5.6.3. */
export function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}
