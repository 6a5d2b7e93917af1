/**
 * What an expression can speak of. Fields give text, numbers, flags, lists of text and addresses;
 * literals add networks, MACs, bytes, patterns and lists of anything.
 */
import type { Cidr, Ip } from './address.ts';
import type { Pattern } from './pattern.ts';

/** 6 or 8 octets; `text` in lower case with colons. */
export interface Mac {
  readonly kind: 'mac';
  readonly text: string;
}

/** `47:45:54`: octets to be compared with the bytes of text. */
export interface Hex {
  readonly kind: 'hex';
  /** As written. */
  readonly text: string;
  readonly bytes: Buffer;
}

/** A field that may occur several times, such as a header: each is compared as text, any counts. */
export interface Several {
  readonly kind: 'several';
  readonly values: readonly string[];
}

/** A list of words, such as tags: compared as a set of whole words. */
export interface Words {
  readonly kind: 'words';
  readonly values: readonly string[];
}

export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | Ip
  | Cidr
  | Mac
  | Hex
  | Pattern
  | Several
  | Words
  | readonly Value[];

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** One word for messages. */
export function kindOf(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'bigint') return 'number';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'object') return isList(value) ? 'list' : NAMES[value.kind];
  return typeof value;
}

const NAMES = {
  ip: 'IP address',
  cidr: 'network',
  mac: 'MAC address',
  hex: 'hex bytes',
  pattern: 'pattern',
  several: 'text',
  words: 'list of words',
} as const;

/** Rulekit's truthiness: null, false, 0, empty text and an empty list are false. */
export function isTruthy(value: Value): boolean {
  if (typeof value !== 'object') return Boolean(value);
  if (value === null) return false;
  if (isList(value)) return value.length > 0;
  if (value.kind === 'several') return value.values.some((text) => text !== '');
  return true;
}

/** As functions see it; '' for what has no text. */
export function toText(value: Value): string {
  if (typeof value !== 'object') return String(value);
  if (value === null || isList(value)) return '';
  switch (value.kind) {
    case 'ip':
    case 'cidr':
    case 'mac':
    case 'hex':
      return value.text;
    case 'pattern':
      return value.source;
    default:
      return value.values[0] ?? '';
  }
}
