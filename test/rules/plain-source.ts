/** Fields from a plain object, and a schema that has every name with the type a test gives it. */
import { type Field, type FieldRef, type FieldType, Schema } from '../../src/rules/fields/field.ts';
import { type Checked, good } from '../../src/rules/language/problem.ts';
import type { FieldName } from '../../src/rules/language/syntax.ts';
import {
  FALSE,
  type FieldSource,
  MISSING,
  nextEpoch,
  type TextSlice,
  TRUE,
  type Truth,
} from '../../src/rules/types.ts';
import { isTruthy, toText, type Value } from '../../src/rules/values/value.ts';

export type Plain = { readonly [name: string]: Value | Plain };

export class PlainSource implements FieldSource {
  readonly epoch = nextEpoch();
  readonly #object: Plain;

  constructor(object: Plain) {
    this.#object = object;
  }

  value(ref: FieldRef): Value | undefined {
    const found = lookUp(this.#object, ref.name);
    return isMap(found) ? undefined : (found as Value | undefined);
  }

  number(ref: FieldRef): number {
    const value = this.value(ref);
    return value === undefined ? Number.NaN : Number(value);
  }

  flag(ref: FieldRef): Truth {
    const value = this.value(ref);
    if (value === undefined) return MISSING;
    return isTruthy(value) ? TRUE : FALSE;
  }

  text(ref: FieldRef, index: number, into: TextSlice): boolean {
    const value = this.value(ref);
    if (value === undefined) return false;
    const isSeveral = typeof value === 'object' && value !== null && 'kind' in value;
    const texts = isSeveral && value.kind === 'several' ? value.values : [toText(value)];
    const text = texts[index];
    if (text === undefined) return false;
    into.bytes = Buffer.from(`<${text}>`);
    into.start = 1;
    into.end = into.bytes.length - 1;
    return true;
  }
}

/** The whole name first, then below its first part: as Rulekit looks into maps. */
function lookUp(object: Plain, name: string): unknown {
  if (Object.hasOwn(object, name)) return object[name];
  const dot = name.indexOf('.');
  const inner = dot < 0 ? undefined : object[name.slice(0, dot)];
  return isMap(inner) ? lookUp(inner, name.slice(dot + 1)) : undefined;
}

function isMap(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !('kind' in value);
}

/** Knows every name; `types` tells the type of some. */
export class OpenSchema extends Schema {
  readonly #types: ReadonlyMap<string, FieldType>;

  constructor(types: ReadonlyMap<string, FieldType> = new Map()) {
    super([]);
    this.#types = types;
  }

  override resolve({ name, key }: FieldName): Checked<FieldRef> {
    const full = key === null ? name : `${name}.${key}`;
    const field: Field = {
      name: full,
      type: this.#types.get(full) ?? 'any',
      isSeveral: true,
      doc: '',
    };
    return good({ field, id: 0, key: '', keyBytes: Buffer.alloc(0), name: full });
  }
}
