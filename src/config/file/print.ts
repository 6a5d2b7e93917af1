/**
 * The whole configuration as YAML, with a note beside each value that says where it comes from.
 * Secrets are masked. Read again, the text gives the same configuration (but for what is masked).
 */
import { stringify } from 'yaml';
import type { Origin } from './overrides.ts';
import { join } from './path.ts';
import { formatNumber } from './scalars.ts';
import {
  type AnySchema,
  type Field,
  keyOf,
  type ObjectSchema,
  type ValueSource,
} from './schema.ts';
import { root } from './sections/root.ts';
import type { Config } from './types.ts';

const MASK = '****';
const NOTE_COLUMN = 48;

export interface PrintInput {
  readonly config: Config;
  readonly origins: ReadonlyMap<string, Origin>;
  /** As it is shown for values of the file. */
  readonly file: string;
}

export function printConfig(input: PrintInput): string {
  const lines: string[] = [];
  new Printer(input, lines).object(root, input.config, '', 0);
  return `${lines.join('\n')}\n`;
}

class Printer {
  readonly #input: PrintInput;
  readonly #lines: string[];

  constructor(input: PrintInput, lines: string[]) {
    this.#input = input;
    this.#lines = lines;
  }

  object(schema: ObjectSchema, value: unknown, path: string, depth: number): void {
    for (const [property, field] of Object.entries(schema.fields)) {
      const key = keyOf(property);
      const inner = (value as Record<string, unknown>)[property];
      this.#field(field, key, inner, join(path, key), depth);
    }
  }

  #field(field: Field<unknown>, key: string, value: unknown, path: string, depth: number): void {
    if (value === undefined) this.#line(`# ${key}:`, 'not set', depth);
    else this.#value(field.schema, `${key}:`, value, path, depth);
  }

  /** `lead` is `key:` or `-`. */
  #value(schema: AnySchema, lead: string, value: unknown, path: string, depth: number): void {
    const items = itemsOf(schema, value);
    if (items === undefined) {
      this.#line(`${lead} ${inline(schema, value)}`, this.#origin(path), depth);
      return;
    }
    this.#lines.push(`${'  '.repeat(depth)}${lead}`);
    switch (schema.kind) {
      case 'list':
        (value as readonly unknown[]).forEach((item, index) => {
          this.#value(schema.item, '-', item, `${path}[${index}]`, depth + 1);
        });
        break;
      case 'map':
        for (const [key, item] of items) {
          this.#value(schema.item, `${yaml(key)}:`, item, join(path, key), depth + 1);
        }
        break;
      case 'variant':
        this.#variant(schema, value as Record<string, unknown>, path, depth + 1);
        break;
      case 'object':
        this.object(schema, value, path, depth + 1);
        break;
      default:
    }
  }

  #variant(
    { tag, cases }: Extract<AnySchema, { kind: 'variant' }>,
    value: Record<string, unknown>,
    path: string,
    depth: number,
  ): void {
    const name = String(value[tag]);
    this.#line(`${tag}: ${yaml(name)}`, this.#origin(join(path, tag)), depth);
    const object = cases[name]?.object;
    if (object !== undefined) this.object(object, value, path, depth);
  }

  #origin(path: string): string {
    const origin = this.#input.origins.get(path) ?? this.#replaced(path);
    switch (origin?.from) {
      case 'file':
        return `${this.#input.file}:${origin.line}:${origin.column}`;
      case 'environment':
      case 'flag':
        return origin.name;
      default:
        return 'default';
    }
  }

  /** A variable or flag replaces all that is below its path. */
  #replaced(path: string): Origin | undefined {
    for (const [holder, origin] of this.#input.origins) {
      if (origin.from !== 'environment' && origin.from !== 'flag') continue;
      if (path.startsWith(`${holder}.`) || path.startsWith(`${holder}[`)) return origin;
    }
    return undefined;
  }

  #line(text: string, note: string, depth: number): void {
    const line = `${'  '.repeat(depth)}${text}`;
    this.#lines.push(`${line.padEnd(NOTE_COLUMN)}  # ${note}`);
  }
}

/** What is written on lines of its own; undefined for what fits behind its key. */
function itemsOf(schema: AnySchema, value: unknown): readonly [string, unknown][] | undefined {
  switch (schema.kind) {
    case 'object':
      return Object.keys(schema.fields).length === 0 ? undefined : Object.entries(value as object);
    case 'variant':
      return Object.entries(value as object);
    case 'map': {
      const entries = Object.entries(value as object);
      return entries.length === 0 ? undefined : entries;
    }
    case 'list': {
      const items = value as readonly unknown[];
      const isShort = schema.item.kind !== 'object' && schema.item.kind !== 'variant';
      return items.length === 0 || isShort ? undefined : Object.entries(items);
    }
    default:
      return undefined;
  }
}

function inline(schema: AnySchema, value: unknown): string {
  switch (schema.kind) {
    case 'list':
      return `[${(value as readonly unknown[]).map((item) => inline(schema.item, item)).join(', ')}]`;
    case 'map':
    case 'object':
      return '{}';
    case 'source': {
      const { type, name } = value as ValueSource;
      return `{ type: ${type}, value: ${type === 'env' ? yaml(name) : yaml(MASK)} }`;
    }
    case 'number':
      return formatNumber(schema, value as number);
    case 'text':
      return yaml(schema.mask?.(value as string) ?? (value as string));
    default:
      return yaml(value);
  }
}

/** One line that reads as the same value inside brackets too. */
function yaml(value: unknown): string {
  const isBare = typeof value !== 'string' || /^[A-Za-z/][\w./-]*$/.test(value);
  const options = { lineWidth: 0, defaultStringType: isBare ? 'PLAIN' : 'QUOTE_DOUBLE' } as const;
  return stringify(value, { ...options, defaultKeyType: null, singleQuote: null }).trimEnd();
}
