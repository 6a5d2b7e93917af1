/**
 * IP addresses and networks, parsed from bytes without allocation. An address is four 32-bit words,
 * big endian; IPv4 is held as ::ffff:a.b.c.d, so a v4-mapped address equals its IPv4 form, as in Go.
 */
import { hexDigit } from '../../handoff/ascii.ts';

/** Four words of an address; `isV4` also for v4-mapped ones. */
export interface AddressWords {
  word0: number;
  word1: number;
  word2: number;
  word3: number;
  isV4: boolean;
}

export interface Ip {
  readonly kind: 'ip';
  /** As written. */
  readonly text: string;
  readonly words: Readonly<AddressWords>;
}

export interface Cidr {
  readonly kind: 'cidr';
  readonly text: string;
  readonly words: Readonly<AddressWords>;
  /** Of 128; an IPv4 network's bits count from 96. */
  readonly prefixBits: number;
}

const DOT = 0x2e;
const COLON = 0x3a;
const MAPPED = 0xffff;

export function emptyAddress(): AddressWords {
  return { word0: 0, word1: 0, word2: 0, word3: 0, isV4: false };
}

/** False when bytes [start, end) are no address; `into` is then undefined. */
export function parseAddress(
  bytes: Uint8Array,
  start: number,
  end: number,
  into: AddressWords,
): boolean {
  if (end - start < 2 || end - start > 45) return false;
  for (let i = start; i < end && i < start + 5; i++) {
    if (bytes[i] === COLON) return parseV6(bytes, start, end, into);
    if (bytes[i] === DOT) break;
  }
  const word = parseV4(bytes, start, end);
  if (word < 0) return false;
  into.word0 = 0;
  into.word1 = 0;
  into.word2 = MAPPED;
  into.word3 = word;
  into.isV4 = true;
  return true;
}

/** Dotted decimal without leading zeros as an unsigned word; -1 when it is not. */
function parseV4(bytes: Uint8Array, start: number, end: number): number {
  let word = 0;
  let parts = 0;
  for (let at = start; at <= end; at++) {
    const from = at;
    let octet = 0;
    for (; at < end && isDigit(bytes[at]); at++) octet = octet * 10 + bytes[at] - 0x30;
    const digits = at - from;
    if (digits === 0 || digits > 3 || octet > 255) return -1;
    if (digits > 1 && bytes[from] === 0x30) return -1;
    word = word * 256 + octet;
    parts++;
    if (at < end && bytes[at] !== DOT) return -1;
  }
  return parts === 4 ? word : -1;
}

/** Groups of the address being parsed; not re-entrant, and nothing in between yields. */
const groups = new Uint16Array(8);

function parseV6(bytes: Uint8Array, start: number, end: number, into: AddressWords): boolean {
  let count = 0;
  let gap = -1;
  let at = start;
  if (bytes[at] === COLON && bytes[at + 1] !== COLON) return false;
  while (at < end) {
    if (bytes[at] === COLON && at + 1 < end && bytes[at + 1] === COLON) {
      if (gap >= 0) return false;
      gap = count;
      at += 2;
      continue;
    }
    if (count === 8) return false;
    const tail = v4Tail(bytes, at, end);
    if (tail >= 0) {
      if (count > 6) return false;
      groups[count++] = tail >>> 16;
      groups[count++] = tail & 0xffff;
      at = end;
      break;
    }
    const from = at;
    let group = 0;
    for (; at < end && hexDigit(bytes[at]) >= 0; at++) group = group * 16 + hexDigit(bytes[at]);
    if (at === from || at - from > 4) return false;
    groups[count++] = group;
    if (at === end) break;
    if (bytes[at] !== COLON || at + 1 === end) return false;
    if (bytes[at + 1] !== COLON) at++;
  }
  return spread(count, gap, into);
}

/** The word of a dotted tail such as in ::ffff:10.0.0.1, or -1. */
function v4Tail(bytes: Uint8Array, at: number, end: number): number {
  for (let i = at; i < end && i < at + 4; i++) {
    if (bytes[i] === COLON) return -1;
    if (bytes[i] === DOT) return parseV4(bytes, at, end);
  }
  return -1;
}

/** Moves the groups behind `::` to the end and packs pairs into words. */
function spread(count: number, gap: number, into: AddressWords): boolean {
  if (gap < 0 ? count !== 8 : count > 7) return false;
  if (gap >= 0) {
    const missing = 8 - count;
    for (let i = 7; i >= gap + missing; i--) groups[i] = groups[i - missing];
    for (let i = gap; i < gap + missing; i++) groups[i] = 0;
  }
  into.word0 = groups[0] * 65_536 + groups[1];
  into.word1 = groups[2] * 65_536 + groups[3];
  into.word2 = groups[4] * 65_536 + groups[5];
  into.word3 = groups[6] * 65_536 + groups[7];
  into.isV4 = into.word0 === 0 && into.word1 === 0 && into.word2 === MAPPED;
  return true;
}

export function ipOf(text: string): Ip | undefined {
  const words = emptyAddress();
  const bytes = Buffer.from(text, 'latin1');
  return parseAddress(bytes, 0, bytes.length, words) ? { kind: 'ip', text, words } : undefined;
}

/** `address/bits`; host bits are masked off. */
export function cidrOf(text: string): Cidr | undefined {
  const match = /^([0-9A-Fa-f:.]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  const ip = match === null ? undefined : ipOf(match[1] ?? '');
  if (match === null || ip === undefined) return undefined;
  const isDotted = !ip.text.includes(':');
  const bits = Number(match[2]);
  if (bits > (isDotted ? 32 : 128)) return undefined;
  const prefixBits = isDotted ? bits + 96 : bits;
  return { kind: 'cidr', text, words: mask(ip.words, prefixBits), prefixBits };
}

function mask(words: AddressWords, bits: number): AddressWords {
  return {
    word0: (words.word0 & wordMask(bits)) >>> 0,
    word1: (words.word1 & wordMask(bits - 32)) >>> 0,
    word2: (words.word2 & wordMask(bits - 64)) >>> 0,
    word3: (words.word3 & wordMask(bits - 96)) >>> 0,
    isV4: words.isV4,
  };
}

/** The upper `bits` of a word, as a signed 32-bit integer. */
function wordMask(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : ~(0xffff_ffff >>> bits);
}

export function isSameAddress(a: Readonly<AddressWords>, b: Readonly<AddressWords>): boolean {
  return a.word3 === b.word3 && a.word2 === b.word2 && a.word1 === b.word1 && a.word0 === b.word0;
}

/** An IPv4 address is in IPv4 networks only, as Go's IPNet.Contains has it. */
export function isMember(address: Readonly<AddressWords>, network: Cidr): boolean {
  const { words, prefixBits } = network;
  if (address.isV4 !== words.isV4) return false;
  return (
    ((address.word0 ^ words.word0) & wordMask(prefixBits)) === 0 &&
    ((address.word1 ^ words.word1) & wordMask(prefixBits - 32)) === 0 &&
    ((address.word2 ^ words.word2) & wordMask(prefixBits - 64)) === 0 &&
    ((address.word3 ^ words.word3) & wordMask(prefixBits - 96)) === 0
  );
}

/**
 * Private (RFC 1918, RFC 4193), loopback, link-local or unspecified: not on the Internet. What is
 * not an address (a Unix socket) is internal too.
 */
export function isInternal(address: Readonly<AddressWords>): boolean {
  return INTERNAL.some((network) => isMember(address, network));
}

/** The same of a text. */
export function isInternalText(text: string): boolean {
  const ip = ipOf(text);
  return ip === undefined || isInternal(ip.words);
}

const INTERNAL: readonly Cidr[] = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '0.0.0.0/32',
  '::1/128',
  '::/128',
  'fc00::/7',
  'fe80::/10',
].flatMap((text) => cidrOf(text) ?? []);

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
