/** One value of the file against its description: text, numbers, words, switches. */
import { limits } from '../limits.ts';
import { nearest } from '../nearest.ts';
import type { NumberSchema, TextSchema, WordSchema } from './schema.ts';
import { formatBytes, formatDuration, parseBytes, parseDuration } from './units.ts';

/** What a YAML scalar says; `source` is as it was written. */
export interface ScalarText {
  readonly value: unknown;
  readonly source: string;
}

export type Reading =
  | { readonly value: string | number | boolean }
  | { readonly message: string; readonly hint?: string };

/** Of one value, in UTF-16 units. Expressions are the longest that make sense. */
const TEXT_LENGTH_MAX = limits.ruleExpressionMax;

const NUMBER_LENGTH_MAX = 64;

const NO_VALUE = { message: 'has no value' } as const;

export function readText(schema: TextSchema, scalar: ScalarText): Reading {
  if (scalar.value === null) return { ...NO_VALUE, hint: `expected ${schema.what}` };
  const text = typeof scalar.value === 'string' ? scalar.value : scalar.source;
  if (text.length > TEXT_LENGTH_MAX) {
    return { message: `the text has ${text.length} letters; ${TEXT_LENGTH_MAX} are read at most` };
  }
  const why = schema.check?.(text);
  const isWrong = why !== undefined || schema.pattern?.test(text) === false;
  if (!isWrong) return { value: text };
  const shown = schema.mask?.(text) ?? text;
  return {
    message: `"${shorten(shown)}" is not ${schema.what}${why === undefined ? '' : `: ${why}`}`,
  };
}

export function readBoolean({ value, source }: ScalarText): Reading {
  if (typeof value === 'boolean') return { value };
  if (value === null) return { ...NO_VALUE, hint: 'expected true or false' };
  return { message: `"${shorten(source)}" is neither true nor false`, hint: booleanHint(source) };
}

function booleanHint(source: string): string {
  const word = source.toLowerCase();
  if (['yes', 'on', '1', 'true'].includes(word)) return 'write true, without quotes';
  if (['no', 'off', '0', 'false'].includes(word)) return 'write false, without quotes';
  return 'allowed: true, false';
}

export function readWord(schema: WordSchema, { value, source }: ScalarText): Reading {
  const allowed = Object.keys(schema.words);
  const hint = `allowed: ${allowed.join(', ')}`;
  if (value === null) return { ...NO_VALUE, hint };
  const text = typeof value === 'string' ? value : source;
  if (Object.hasOwn(schema.words, text)) return { value: text };
  if (Object.hasOwn(schema.aliases, text)) return { value: schema.aliases[text] ?? text };
  if (Object.hasOwn(schema.unsupported, text)) {
    return { message: `"${text}" is not supported: ${schema.unsupported[text]}`, hint };
  }
  return { message: `"${shorten(text)}" is not known`, hint: suggest(text, allowed, hint) };
}

export function readNumber(schema: NumberSchema, { value, source }: ScalarText): Reading {
  const what = describeNumber(schema);
  if (value === null) return { ...NO_VALUE, hint: `expected ${what}` };
  const read = source.length > NUMBER_LENGTH_MAX ? undefined : toNumber(schema, value);
  if (read === undefined || (schema.isInteger && !Number.isSafeInteger(read))) {
    return { message: `"${shorten(source)}" is not ${what}` };
  }
  if (read >= schema.min && read <= schema.max) return { value: read };
  const [least, most] = [schema.min, schema.max].map((bound) => formatNumber(schema, bound));
  return { message: `${shorten(source)} is not between ${least} and ${most}` };
}

function toNumber(schema: NumberSchema, value: unknown): number | undefined {
  if (typeof value === 'number') {
    // 5 of what? Bytes are counted, time is not.
    return schema.unit === 'ms' && value !== 0 ? undefined : value;
  }
  if (typeof value !== 'string') return undefined;
  if (schema.unit === 'ms') return parseDuration(value);
  return schema.unit === 'bytes' ? parseBytes(value) : undefined;
}

function describeNumber({ unit, isInteger }: NumberSchema): string {
  if (unit === 'ms') return 'a duration such as 500ms, 5s or 1m30s';
  if (unit === 'bytes') return 'a size such as 64KiB or 10MiB';
  return isInteger ? 'a whole number' : 'a number';
}

export function formatNumber({ unit }: NumberSchema, value: number): string {
  if (unit === 'ms') return formatDuration(value);
  return unit === 'bytes' ? formatBytes(value) : String(value);
}

/** `did you mean full? allowed: ...` */
export function suggest(word: string, allowed: readonly string[], hint: string): string {
  const snake = word.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/-/g, '_');
  const near = nearest(word, allowed) ?? nearest(snake, allowed);
  return near === undefined ? hint : `did you mean ${near}? ${hint}`;
}

export function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
