/** Mappings of the file against their description: keys that are there, missing, unknown. */
import { isMap, isSeq, type Node } from 'yaml';
import type { Entry } from './entries.ts';
import { isNull, shapeOf, toJson } from './node-shape.ts';
import { join } from './path.ts';
import type { ReadContext } from './read-context.ts';
import { shorten, suggest } from './scalars.ts';
import {
  type Field,
  keyOf,
  type ObjectSchema,
  type VariantSchema,
  type WordSchema,
} from './schema.ts';

/** Objects of other types, to say where a key would be known. */
type Elsewhere = readonly (readonly [type: string, object: ObjectSchema])[];

/** What a schema stands for when the file says nothing. */
export function defaultOf(schema: ObjectSchema): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(schema.fields).map(([property, field]) => [property, fallbackOf(field)]),
  );
}

function fallbackOf({ presence, fallback, schema }: Field<unknown>): unknown {
  return presence === 'section' && schema.kind === 'object' ? defaultOf(schema) : fallback;
}

export function readObject(
  context: ReadContext,
  schema: ObjectSchema,
  node: Node,
  path: string,
): unknown {
  const entries = entriesOf(context, node, path);
  if (entries !== undefined) return readFields(context, schema, { entries, node, path });
  return isNull(node) ? readFields(context, schema, { entries: [], node, path }) : undefined;
}

/** Keys and values of a mapping; undefined for null, and after a problem. */
export function entriesOf(
  context: ReadContext,
  node: Node,
  path: string,
): readonly Entry[] | undefined {
  context.enter(path);
  if (isMap(node)) return context.nodes.entries(node);
  if (isNull(node)) return undefined;
  const hint = isSeq(node) ? 'remove the "- " before its keys' : 'it takes key: value lines';
  context.error(path, node, `${shapeOf(node)} where a mapping belongs`, hint);
  return undefined;
}

interface Mapping {
  readonly entries: readonly Entry[];
  readonly node: Node;
  readonly path: string;
}

export function readFields(
  context: ReadContext,
  schema: ObjectSchema,
  mapping: Mapping,
  elsewhere: Elsewhere = [],
): Record<string, unknown> {
  const errorsBefore = context.errors;
  const properties = new Map(Object.keys(schema.fields).map((name) => [keyOf(name), name]));
  const value = defaultOf(schema);
  for (const entry of mapping.entries) {
    const property = properties.get(entry.key) ?? '';
    const field = schema.fields[property];
    if (field === undefined) refuseKey(context, schema, entry, mapping.path, elsewhere);
    else value[property] = context.value(field.schema, entry.value, join(mapping.path, entry.key));
  }
  findMissing(context, schema, mapping);
  if (context.errors === errorsBefore) checkWhole(context, schema, value, mapping);
  return value;
}

function findMissing(
  context: ReadContext,
  schema: ObjectSchema,
  { entries, node, path }: Mapping,
): void {
  for (const [property, field] of Object.entries(schema.fields)) {
    const key = keyOf(property);
    if (field.presence !== 'required' || entries.some((entry) => entry.key === key)) continue;
    context.error(path, node, `${key} is missing`, hintForMissing(field));
  }
}

function hintForMissing({ doc, schema }: Field<unknown>): string {
  return schema.kind === 'word' ? `allowed: ${Object.keys(schema.words).join(', ')}` : doc;
}

function checkWhole(
  context: ReadContext,
  schema: ObjectSchema,
  value: unknown,
  { entries, node, path }: Mapping,
): void {
  schema.check?.(value, (severity, key, message, hint) => {
    const at = entries.find((entry) => entry.key === key)?.value ?? node;
    context.problem(severity, key === '' ? path : join(path, key), at, message, hint);
  });
}

function refuseKey(
  context: ReadContext,
  schema: ObjectSchema,
  { key, keyNode, value }: Entry,
  path: string,
  elsewhere: Elsewhere,
): void {
  if (schema.freePrefix !== undefined && key.startsWith(schema.freePrefix)) return;
  const ignored = Object.hasOwn(schema.ignored, key) ? schema.ignored[key] : undefined;
  if (ignored !== undefined && (ignored.values?.includes(toJson(value)) ?? true)) {
    const message = `the key has no effect: ${ignored.why}`;
    context.problem('warning', join(path, key), keyNode, message);
  } else if (Object.hasOwn(schema.unsupported, key)) {
    const message = `the key is not supported: ${schema.unsupported[key]}`;
    context.error(join(path, key), keyNode, message);
  } else {
    const message = `unknown key "${shorten(key)}"`;
    context.error(path, keyNode, message, hintFor(schema, key, elsewhere));
  }
}

function hintFor(schema: ObjectSchema, key: string, elsewhere: Elsewhere): string {
  const allowed = Object.keys(schema.fields).map(keyOf);
  const owners = elsewhere.filter(([, other]) => hasKey(other, key)).map(([type]) => type);
  const list = allowed.length === 0 ? 'it takes no keys' : `allowed: ${allowed.join(', ')}`;
  if (owners.length > 0) return `it is a key of type ${owners.join(', ')}; ${list}`;
  return suggest(key, allowed, list);
}

function hasKey(schema: ObjectSchema, key: string): boolean {
  return Object.keys(schema.fields).some((property) => keyOf(property) === key);
}

export function readVariant(
  context: ReadContext,
  schema: VariantSchema,
  node: Node,
  path: string,
): unknown {
  const entries = entriesOf(context, node, path);
  const words = wordsOf(schema);
  const allowed = `allowed: ${Object.keys(words.words).join(', ')}`;
  if (entries === undefined) {
    if (isNull(node))
      context.error(path, node, 'has no value', `it takes ${schema.tag}, ${allowed}`);
    return undefined;
  }
  const tag = entries.find(({ key }) => key === schema.tag);
  if (tag === undefined) {
    const hint = `${allowed}; a "-" before ${schema.tag} would begin another item`;
    context.error(path, node, `${schema.tag} is missing`, hint);
    return undefined;
  }
  const name = context.value(words, tag.value, join(path, schema.tag));
  const object = typeof name === 'string' ? schema.cases[name]?.object : undefined;
  if (object === undefined) return undefined;
  const rest = { entries: entries.filter((entry) => entry !== tag), node, path };
  const others = Object.entries(schema.cases)
    .filter(([other]) => other !== name)
    .map(([other, { object: fields }]) => [other, fields] as const);
  return { [schema.tag]: name, ...readFields(context, object, rest, others) };
}

function wordsOf({ cases, unsupported }: VariantSchema): WordSchema {
  const words = Object.fromEntries(Object.entries(cases).map(([name, { doc }]) => [name, doc]));
  return { kind: 'word', words, aliases: {}, unsupported };
}
