/** Tables of the documentation, from the description of the file. */
import { formatNumber } from './scalars.ts';
import { type AnySchema, type Field, keyOf, type ObjectSchema } from './schema.ts';
import { root } from './sections/root.ts';

/** `path`: `tap`, `tap.filters.custom[]`, `services.object_stores[].s3`. @throws Error for others */
export function tableOf(path: string): string {
  const rows = rowsOf(objectAt(path), '', '');
  return ['| key | value | default | |', '|---|---|---|---|', ...rows].join('\n');
}

function objectAt(path: string): ObjectSchema {
  let schema: AnySchema = root;
  for (const part of path.split('.')) {
    const next = below(schema, part.replace('[]', ''));
    schema = part.endsWith('[]') ? itemOf(next, path) : next;
  }
  if (schema.kind !== 'object') throw new Error(`${path} is no mapping`);
  return schema;
}

function below(schema: AnySchema, key: string): AnySchema {
  const fields = schema.kind === 'object' ? Object.entries(schema.fields) : [];
  const field = fields.find(([name]) => keyOf(name) === key)?.[1].schema;
  const found =
    field ??
    (schema.kind === 'variant' ? schema.cases[key]?.object : undefined) ??
    (schema.kind === 'map' && key === '*' ? schema.item : undefined);
  if (found === undefined) throw new Error(`no key ${key}`);
  return found;
}

function itemOf(schema: AnySchema, path: string): AnySchema {
  if (schema.kind === 'list') return schema.item;
  throw new Error(`${path} is no list`);
}

/** Mappings inside are shown with dots; lists of mappings have a table of their own. */
function rowsOf(object: ObjectSchema, prefix: string, within: string): string[] {
  return Object.entries(object.fields).flatMap(([property, field]) => {
    const key = prefix + keyOf(property);
    const { schema } = field;
    if (schema.kind === 'object') {
      return rowsOf(schema, `${key}.`, field.presence === 'optional' ? key : within);
    }
    return [
      `| \`${key}\` | ${typeOf(schema)} | ${defaultOf(field, within)} | ${escapeBars(field.doc)} |`,
    ];
  });
}

/** `within`: the mapping that may be left out as a whole. */
function defaultOf({ presence, fallback, schema }: Field<unknown>, within: string): string {
  if (presence === 'required') return within === '' ? '**required**' : `required in \`${within}\``;
  if (fallback === undefined) return '';
  if (schema.kind === 'number') return `\`${formatNumber(schema, fallback as number)}\``;
  if (Array.isArray(fallback)) return fallback.length === 0 ? '' : fallback.map(code).join(', ');
  if (typeof fallback === 'object') return '';
  return fallback === '' ? '' : code(fallback);
}

function code(value: unknown): string {
  return `\`${String(value)}\``;
}

function typeOf(schema: AnySchema): string {
  switch (schema.kind) {
    case 'text':
      return escapeBars(schema.what);
    case 'number':
      return numberOf(schema);
    case 'boolean':
      return '`true`, `false`';
    case 'word':
      return Object.entries(schema.words)
        .map(([word, meaning]) => `\`${word}\`: ${escapeBars(meaning)}`)
        .join('<br>');
    case 'source':
      return `${schema.isTextEnough ? 'text, or ' : ''}\`{type: env, value: NAME}\``;
    case 'list':
      return isPlain(schema.item) ? `list: ${typeOf(schema.item)}` : 'list, below';
    case 'map':
      return `mapping of ${schema.keys}${isPlain(schema.item) ? ` to ${typeOf(schema.item)}` : ', below'}`;
    case 'object':
    case 'variant':
      return 'mapping, below';
  }
}

function isPlain(schema: AnySchema): boolean {
  return schema.kind !== 'object' && schema.kind !== 'variant';
}

function numberOf(schema: Extract<AnySchema, { kind: 'number' }>): string {
  const [least, most] = [schema.min, schema.max].map((bound) => formatNumber(schema, bound));
  if (schema.unit === 'ms') return `duration, ${least} to ${most}`;
  return `${schema.unit === 'bytes' ? 'size' : 'number'}, ${least} to ${most}`;
}

function escapeBars(text: string): string {
  return text.replaceAll('|', '\\|');
}
