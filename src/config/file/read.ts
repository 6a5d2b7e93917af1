/**
 * YAML nodes -> the typed configuration, by the description in sections/. Finds everything that is
 * wrong with the shape of the file in one pass; what it means (check.ts) is looked at when the
 * shape is right.
 */
import { isMap, isScalar, isSeq, type Node, type Scalar } from 'yaml';
import { quoted } from './literal-expressions.ts';
import { isNull, shapeOf, textOf } from './node-shape.ts';
import { join } from './path.ts';
import type { Problem } from './problem.ts';
import { type Grammatical, ReadContext, type ReadOptions } from './read-context.ts';
import { defaultOf, entriesOf, readObject, readVariant } from './read-object.ts';
import { readSource, readVariable } from './read-source.ts';
import { type Reading, readBoolean, readNumber, readText, readWord } from './scalars.ts';
import type { AnySchema, ListSchema, MapSchema, ObjectSchema, TextSchema } from './schema.ts';
import type { Position } from './yaml-bounds.ts';
import type { YamlDocument } from './yaml-document.ts';

export interface ReadResult {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  readonly errors: number;
  /** Where each value of the file stands, by its path. */
  readonly positions: ReadonlyMap<string, Position>;
  readonly grammatical: readonly Grammatical[];
}

export function readDocument(
  document: YamlDocument,
  schema: ObjectSchema,
  options: ReadOptions,
): ReadResult {
  const context = new ReadContext(document, options, readValue);
  const { root } = document;
  const isEmpty = root === null || isNull(root);
  if (isEmpty) warnOfEmptyFile(context);
  const value = isEmpty ? defaultOf(schema) : context.value(schema, root, '');
  const { problems, errors, positions, grammatical } = context;
  return { value, problems, errors, positions, grammatical };
}

function warnOfEmptyFile({ problems, options: { file } }: ReadContext): void {
  const message = 'the file is empty: every setting has its default';
  const place = { path: '', file, line: 1, column: 1 };
  problems.push({ severity: 'warning', ...place, message, hint: undefined });
}

function readValue(context: ReadContext, schema: AnySchema, node: Node, path: string): unknown {
  switch (schema.kind) {
    case 'object':
      return readObject(context, schema, node, path);
    case 'variant':
      return readVariant(context, schema, node, path);
    case 'list':
      return readList(context, schema, node, path);
    case 'map':
      return readMap(context, schema, node, path);
    case 'source':
      return readSource(context, schema, node, path);
    default:
      if (isScalar(node)) return readScalar(context, schema, node, path);
      context.error(path, node, `${shapeOf(node)} where one value belongs`);
      return undefined;
  }
}

function readList(context: ReadContext, schema: ListSchema, node: Node, path: string): unknown {
  if (isNull(node) && schema.itemsMin === 0) return [];
  if (!isSeq(node)) {
    const items = isMap(node) ? 'put "- " before the first key of each item' : 'write [a, b]';
    context.error(path, node, `${shapeOf(node)} where a list belongs`, items);
    return undefined;
  }
  const count = node.items.length;
  if (count < schema.itemsMin) context.error(path, node, 'the list is empty');
  if (count > schema.itemsMax) {
    context.error(path, node, `the list has ${count} items; ${schema.itemsMax} are read at most`);
    return undefined;
  }
  return node.items.map((item, index) =>
    context.value(schema.item, item as Node, `${path}[${index}]`),
  );
}

function readMap(context: ReadContext, schema: MapSchema, node: Node, path: string): unknown {
  const entries = entriesOf(context, node, path);
  if (entries === undefined) return isNull(node) ? {} : undefined;
  const read = entries.map(({ key, value }): [string, unknown] => [
    key,
    context.value(schema.item, value, join(path, key)),
  ]);
  return Object.fromEntries(read);
}

type ScalarSchema = Extract<AnySchema, { kind: 'text' | 'number' | 'boolean' | 'word' }>;

function readScalar(
  context: ReadContext,
  schema: ScalarSchema,
  node: Scalar,
  path: string,
): string | number | boolean | undefined {
  const scalar = { value: node.value, source: textOf(node) };
  switch (schema.kind) {
    case 'text':
      return readTextNode(context, schema, node, path);
    case 'number':
      return settle(context, readNumber(schema, scalar), node, path);
    case 'boolean':
      return settle(context, readBoolean(scalar), node, path);
    case 'word':
      return settle(context, readWord(schema, scalar), node, path);
  }
}

function readTextNode(
  context: ReadContext,
  schema: TextSchema,
  node: Scalar,
  path: string,
): string | number | boolean | undefined {
  const literal = context.document.literalAt(node)?.text;
  const written = expand(context, schema, node, path);
  if (written === undefined) return undefined;
  const source = literal === undefined ? written : literal + written.slice(literal.length);
  if (literal !== undefined) {
    const message = 'YAML text cannot begin with "!"; it is taken literally';
    context.problem('warning', path, node, message, `write ${quoted(source)}`);
  }
  const value = node.value === null ? null : source;
  const text = settle(context, readText(schema, { value, source }), node, path);
  if (schema.format !== undefined && typeof text === 'string') {
    context.grammatical.push({ format: schema.format, text, path, node });
  }
  return text;
}

/** Qtap's `{{NAME}}`; undefined after a problem, since what is left would be no endpoint. */
function expand(
  context: ReadContext,
  schema: TextSchema,
  node: Scalar,
  path: string,
): string | undefined {
  if (schema.expands !== true) return textOf(node);
  let isWhole = true;
  const text = textOf(node).replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = readVariable(context, name, node, path);
    isWhole &&= value !== '';
    return value;
  });
  return isWhole ? text : undefined;
}

function settle(
  context: ReadContext,
  reading: Reading,
  node: Node,
  path: string,
): string | number | boolean | undefined {
  if ('value' in reading) return reading.value;
  context.error(path, node, reading.message, reading.hint);
  return undefined;
}
