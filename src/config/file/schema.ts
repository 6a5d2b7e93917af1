/**
 * The words in which the configuration file is described. One description (sections/) gives the
 * validation (read.ts), the typed result (`ValueOf`), the JSON Schema (json-schema.ts), the tables
 * of the documentation (tables.ts), the printed configuration (print.ts) and the suggestions.
 *
 * A property of an object is a key of the file in snake_case, without the unit that it has here:
 * `timeoutMs` is `timeout` (read as `5s` or milliseconds), `bodyBytes` is `body_size`.
 */

/** Never present; carries the type of the value through inference. */
interface Typed<T> {
  readonly typeOf?: T;
}

export interface TextSchema {
  readonly kind: 'text';
  /** For messages: `a URL`, `a name`. */
  readonly what: string;
  readonly format?: 'expression' | 'regex';
  readonly pattern?: RegExp;
  /** `{{NAME}}` in it stands for an environment variable. */
  readonly expands?: boolean;
  /** What is wrong with it, in words; undefined when nothing is. */
  readonly check?: (text: string) => string | undefined;
  /** Parts of it may be secret (credentials in a URL); printed without them. */
  readonly mask?: (text: string) => string;
}

export interface NumberSchema {
  readonly kind: 'number';
  readonly isInteger: boolean;
  readonly min: number;
  readonly max: number;
  /** With a unit it is also read from text: `5s`, `64KiB`. */
  readonly unit?: 'ms' | 'bytes';
}

export interface BooleanSchema {
  readonly kind: 'boolean';
}

export interface WordSchema {
  readonly kind: 'word';
  /** Word -> what it means. */
  readonly words: Readonly<Record<string, string>>;
  /** Other names of a word. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Words that Qtap or a Collector knows, and why they do not work here. */
  readonly unsupported: Readonly<Record<string, string>>;
}

/** `{type: env|text, value}`, as Qtap writes credentials. */
export interface SourceSchema {
  readonly kind: 'source';
  /** Whether text alone is accepted, as a Collector writes headers. */
  readonly isTextEnough: boolean;
}

export interface ListSchema {
  readonly kind: 'list';
  readonly item: AnySchema;
  readonly itemsMin: number;
}

export interface MapSchema {
  readonly kind: 'map';
  readonly item: AnySchema;
  /** For messages and documentation: what the keys are. */
  readonly keys: string;
}

export interface ObjectSchema {
  readonly kind: 'object';
  readonly fields: Readonly<Record<string, Field<unknown>>>;
  /** Keys that are errors with a reason of their own. */
  readonly unsupported: Readonly<Record<string, string>>;
  /** Keys that may stay when their value is one of `values`, with a warning. */
  readonly ignored: Readonly<Record<string, IgnoredKey>>;
  /** Keys that begin so hold what the user likes, such as anchors. */
  readonly freePrefix?: string;
  readonly check?: (value: unknown, report: Report) => void;
}

export interface IgnoredKey {
  readonly why: string;
  /** JSON of the values that do nothing; undefined: any. */
  readonly values?: readonly string[];
}

/** Objects told apart by the word under `tag`. */
export interface VariantSchema {
  readonly kind: 'variant';
  readonly tag: string;
  readonly cases: Readonly<Record<string, VariantCase>>;
  readonly unsupported: Readonly<Record<string, string>>;
}

export interface VariantCase {
  readonly doc: string;
  readonly object: ObjectSchema;
}

export type AnySchema =
  | TextSchema
  | NumberSchema
  | BooleanSchema
  | WordSchema
  | SourceSchema
  | ListSchema
  | MapSchema
  | ObjectSchema
  | VariantSchema;

export type Schema<T> = AnySchema & Typed<T>;
export type ValueOf<S> = S extends Typed<infer T> ? T : never;

/** Adds a problem at a key of the object; `''` is the object itself. */
export type Report = (
  severity: 'error' | 'warning',
  key: string,
  message: string,
  hint?: string,
) => void;

export interface Field<T> extends Typed<T> {
  readonly schema: AnySchema;
  readonly presence: 'required' | 'optional' | 'default' | 'section';
  /** For presence `default`. */
  readonly fallback?: unknown;
  /** One sentence for documentation and editors. */
  readonly doc: string;
}

type FieldsOf = Readonly<Record<string, Field<unknown>>>;
export type ObjectOf<F extends FieldsOf> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** The resolved `{type: env|text, value}`. */
export interface ValueSource {
  readonly type: 'env' | 'text';
  /** Name of the variable, or '' for text. */
  readonly name: string;
  /** What it stands for; '' for a variable that is not set. Secret. */
  readonly value: string;
}

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

/** Milliseconds here; `300ms`, `5s`, `1m30s`, `2h` or a number of milliseconds in the file. */
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

export function list<T>(item: Schema<T>, itemsMin = 0): Schema<readonly T[]> {
  return { kind: 'list', item, itemsMin };
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
