/** From the name in an expression to a field of the schema. */
import { nearest } from '../../config/nearest.ts';
import { bad, type Checked, good } from '../language/problem.ts';
import type { FieldName } from '../language/syntax.ts';

/**
 * text: UTF-8; address: text that holds an IP address; words: a list of whole
 * words; any: whatever the value is (tests only, the schema has none).
 */
export type FieldType = 'text' | 'number' | 'flag' | 'address' | 'words' | 'any';

export interface Field {
  /** `a.b`, or `a.b.*` for fields that take a key: `a.b.key`, `a.b["key"]`. */
  readonly name: string;
  readonly type: FieldType;
  /** One sentence for docs/rules.md. */
  readonly doc: string;
  /** Never missing. */
  readonly isAlways?: boolean;
  /** The only values that it has. */
  readonly values?: readonly string[];
  /** May have several values, of which any counts. */
  readonly isSeveral?: boolean;
  /** Keys are case-insensitive. */
  readonly isFolded?: boolean;
  /** Bytes of this body must be copied for it. */
  readonly copies?: 'request' | 'response';
}

/** A field as one expression names it. */
export interface FieldRef {
  readonly field: Field;
  /** Index in the schema. */
  readonly id: number;
  /** Of a field with keys, lower case when they are folded; '' otherwise. */
  readonly key: string;
  /** The key's bytes. */
  readonly keyBytes: Uint8Array;
  /** As in the schema, with the key: equal for equal references. */
  readonly name: string;
}

export class Schema {
  readonly fields: readonly Field[];
  readonly #plain = new Map<string, number>();
  /** By what stands before `.*`. */
  readonly #keyed = new Map<string, number>();

  constructor(fields: readonly Field[]) {
    this.fields = fields;
    for (const [id, { name }] of fields.entries()) {
      if (name.endsWith('.*')) this.#keyed.set(name.slice(0, -2), id);
      else this.#plain.set(name, id);
    }
  }

  resolve(name: FieldName): Checked<FieldRef> {
    if (name.key !== null) {
      const id = this.#keyed.get(name.name);
      return id === undefined ? this.#unknown(name) : good(this.#ref(id, name.key));
    }
    const plain = this.#plain.get(name.name);
    if (plain !== undefined) return good(this.#ref(plain, ''));
    for (let dot = name.name.indexOf('.'); dot > 0; dot = name.name.indexOf('.', dot + 1)) {
      const id = this.#keyed.get(name.name.slice(0, dot));
      const key = name.name.slice(dot + 1);
      if (id !== undefined && key !== '') return good(this.#ref(id, key));
    }
    return this.#unknown(name);
  }

  #ref(id: number, text: string): FieldRef {
    const field = this.fields[id];
    const key = field.isFolded === true ? text.toLowerCase() : text;
    const name = field.name.endsWith('.*') ? `${field.name.slice(0, -1)}${key}` : field.name;
    return { field, id, key, keyBytes: Buffer.from(key, 'utf8'), name };
  }

  /** `http.req.header.host`: the part before the key is what is mistyped. */
  #nearestKeyed(name: string): string | undefined {
    for (const base of this.#keyed.keys()) {
      const parts = name.split('.');
      const count = base.split('.').length;
      const rest = parts.slice(count).join('.');
      if (rest === '' || nearest(parts.slice(0, count).join('.'), [base]) === undefined) continue;
      return `${base}.${rest}`;
    }
    return undefined;
  }

  #unknown(name: FieldName): Checked<FieldRef> {
    if (name.key === null && this.#keyed.has(name.name)) {
      const hint = `write ${name.name}.key or ${name.name}["key"]`;
      return bad(name, `${name.name} takes a key`, hint);
    }
    if (name.key !== null && this.resolve({ ...name, key: null }).ok) {
      const base = [...this.#keyed.keys()].find((each) => name.name.startsWith(`${each}.`));
      const hint = base === undefined ? '' : `write ${base}["key"]`;
      return bad(name, `${name.name} takes no key`, hint);
    }
    return bad(name, `unknown field ${name.name}`, this.#hintFor(name.name));
  }

  #hintFor(name: string): string {
    const old = RENAMED.find(([prefix]) => name.startsWith(prefix));
    if (old !== undefined) return `did you mean ${old[1]}${name.slice(old[0].length)}?`;
    const parent = name.slice(0, name.lastIndexOf('.') + 1);
    const siblings = parent === '' ? [] : this.#namesBelow(parent);
    const known = siblings.length === 0 ? [...this.#plain.keys()] : siblings;
    const best = this.#nearestKeyed(name) ?? nearest(name, known);
    // The last part alone: what is common to all of them brings nothing closer.
    const isNear =
      best !== undefined && (siblings.length === 0 || isNearBehind(parent, name, best));
    if (isNear) return `did you mean ${best}?`;
    if (siblings.length === 0) return 'docs/rules.md lists the fields';
    return `fields of ${parent.slice(0, -1)}: ${siblings.map((each) => each.slice(parent.length)).join(', ')}`;
  }

  #namesBelow(parent: string): string[] {
    return this.fields.flatMap(({ name }) => (name.startsWith(parent) ? [name] : []));
  }
}

function isNearBehind(parent: string, name: string, best: string): boolean {
  if (!best.startsWith(parent)) return true;
  return nearest(name.slice(parent.length), [best.slice(parent.length)]) !== undefined;
}

/** Prefixes of older versions of the file. */
const RENAMED: readonly (readonly [string, string])[] = [
  ['request.', 'http.req.'],
  ['response.', 'http.res.'],
  ['req.', 'http.req.'],
  ['res.', 'http.res.'],
];
