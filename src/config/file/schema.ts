/**
 * The words in which the configuration file is described. One description (sections/) gives the
 * validation (read.ts), the typed result (`ValueOf`), the JSON Schema (json-schema.ts), the tables
 * of the documentation (tables.ts), the printed configuration (print.ts) and the suggestions.
 *
 * A property of an object is a key of the file in snake_case, without the unit that it has here:
 * `timeoutMs` is `timeout` (read as `5s`), `bodyBytes` is `body_size`.
 */

import type {
  Field,
  ObjectSchema,
  Report,
  Schema,
  TextSchema,
  ValueOf,
  ValueSource,
  WordSchema,
} from './schema-kinds.ts';

export type * from './schema-kinds.ts';

type FieldsOf = Readonly<Record<string, Field<unknown>>>;
export type ObjectOf<F extends FieldsOf> = { readonly [K in keyof F]: ValueOf<F[K]> };

export function required<T>(schema: Schema<T>, doc: string): Field<T> {
  return { schema, presence: 'required', doc };
}

export function optional<T>(schema: Schema<T>, doc: string): Field<T | undefined> {
  return { schema, presence: 'optional', doc };
}

export function withDefault<T>(schema: Schema<T>, fallback: NoInfer<T>, doc: string): Field<T> {
  return { schema, presence: 'default', fallback, doc };
}

/** An object that, left out, has the defaults of its fields. */
export function section<T>(schema: Schema<T> & ObjectSchema, doc: string): Field<T> {
  return { schema, presence: 'section', doc };
}

export function text(
  what = 'text',
  options: Omit<TextSchema, 'kind' | 'what'> = {},
): Schema<string> {
  return { kind: 'text', what, ...options };
}

export function integer(min: number, max: number): Schema<number> {
  return { kind: 'number', isInteger: true, min, max };
}

export function number(min: number, max: number): Schema<number> {
  return { kind: 'number', isInteger: false, min, max };
}

/** Milliseconds here; `300ms`, `5s`, `1m30s`, `2h` or 0 in the file. */
export function duration(minMs: number, maxMs: number): Schema<number> {
  return { kind: 'number', isInteger: false, min: minMs, max: maxMs, unit: 'ms' };
}

/** Bytes here; `64KiB`, `10MB` or a number of bytes in the file. */
export function bytes(min: number, max: number): Schema<number> {
  return { kind: 'number', isInteger: true, min, max, unit: 'bytes' };
}

export function boolean(): Schema<boolean> {
  return { kind: 'boolean' };
}

export function word<const W extends Readonly<Record<string, string>>>(
  words: W,
  options: Partial<Pick<WordSchema, 'aliases' | 'unsupported'>> = {},
): Schema<keyof W & string> {
  return { kind: 'word', words, aliases: {}, unsupported: {}, ...options };
}

export function source(isTextEnough = false): Schema<ValueSource> {
  return { kind: 'source', isTextEnough };
}

/** Nobody writes longer lists, and what compares their items takes the square of their number. */
const ITEMS_MAX = 1_024;

export function list<T>(item: Schema<T>, itemsMin = 0, itemsMax = ITEMS_MAX): Schema<readonly T[]> {
  return { kind: 'list', item, itemsMin, itemsMax };
}

export function map<T>(item: Schema<T>, keys: string): Schema<Readonly<Record<string, T>>> {
  return { kind: 'map', item, keys };
}

type ObjectOptions<F extends FieldsOf> = Partial<
  Pick<ObjectSchema, 'unsupported' | 'ignored' | 'freePrefix'>
> & { readonly check?: (value: ObjectOf<F>, report: Report) => void };

export function object<const F extends FieldsOf>(
  fields: F,
  { check, ...options }: ObjectOptions<F> = {},
): Schema<ObjectOf<F>> & ObjectSchema {
  const common = { kind: 'object', fields, unsupported: {}, ignored: {}, ...options } as const;
  if (check === undefined) return common;
  return { ...common, check: (value, report) => check(value as ObjectOf<F>, report) };
}

type Cases = Readonly<Record<string, { readonly doc: string; readonly object: ObjectSchema }>>;
type CaseOf<Tag extends string, C extends Cases> = {
  readonly [K in keyof C]: { readonly [T in Tag]: K } & ValueOf<C[K]['object']>;
}[keyof C];

export function variant<const Tag extends string, const C extends Cases>(
  tag: Tag,
  cases: C,
  unsupported: Readonly<Record<string, string>> = {},
): Schema<CaseOf<Tag, C>> {
  return { kind: 'variant', tag, cases, unsupported };
}

/** `timeoutMs` -> `timeout`, `bodyBytes` -> `body_size`, `ignoreLoopback` -> `ignore_loopback`. */
export function keyOf(property: string): string {
  return property
    .replace(/Ms$/, '')
    .replace(/Bytes$/, 'Size')
    .replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
