/** What a description of the file (schema.ts) consists of, as its readers see it. */

/** Never present; carries the type of the value through inference. */
export interface Typed<T> {
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
  readonly itemsMax: number;
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

/** The resolved `{type: env|text, value}`. */
export interface ValueSource {
  readonly type: 'env' | 'text';
  /** Name of the variable, or '' for text. */
  readonly name: string;
  /** What it stands for; '' for a variable that is not set. Secret. */
  readonly value: string;
}
