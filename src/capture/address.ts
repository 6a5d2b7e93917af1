/** Addresses as text, from their bytes in network order. */

const MAPPED_PREFIX_BYTES = 12;

export function textOfIpv4(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

/** RFC 5952; an IPv4-mapped address (RFC 4291 2.5.5.2) as the IPv4 address that it is. */
export function textOfIpv6(bytes: Uint8Array, at: number): string {
  if (isIpv4Mapped(bytes, at)) return textOfIpv4(bytes, at + MAPPED_PREFIX_BYTES);
  const groups = Array.from(
    { length: 8 },
    (_, i) => bytes[at + 2 * i] * 256 + bytes[at + 2 * i + 1],
  );
  const zeros = longestZeros(groups);
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (zeros.length < 2) return text(groups);
  return `${text(groups.slice(0, zeros.start))}::${text(groups.slice(zeros.start + zeros.length))}`;
}

function isIpv4Mapped(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < MAPPED_PREFIX_BYTES; i++) {
    if (bytes[at + i] !== (i < 10 ? 0 : 0xff)) return false;
  }
  return true;
}

/** RFC 5952 4.2: the longest run, the first of equal ones, never a single group. */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}
