/**
 * The description of the file as JSON Schema (draft 2020-12), for editors: completion, texts on
 * hover, red underlines. It says of the shape what read.ts says; what values mean, it cannot.
 */

import { sourceObject } from './read-source.ts';
import { formatNumber } from './scalars.ts';
import {
  type AnySchema,
  type Field,
  keyOf,
  type ObjectSchema,
  type VariantSchema,
} from './schema.ts';
import { root } from './sections/root.ts';

export type JsonSchema = { readonly [key: string]: unknown };

const DURATION = '^(0|(\\d+(\\.\\d+)?(ns|us|µs|ms|s|m|h))+)$';
const SIZE = '^\\d+(\\.\\d+)? ?[kKmMgGtT]?i?[bB]?$';

export function jsonSchema(): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'spantap configuration (qtap.yaml, version 2)',
    ...ofObject(root, {}),
  };
}

function ofSchema(schema: AnySchema): JsonSchema {
  switch (schema.kind) {
    case 'text':
      return {
        type: ['string', 'number', 'boolean'],
        ...(schema.pattern === undefined ? {} : { pattern: schema.pattern.source }),
      };
    case 'number':
      return ofNumber(schema);
    case 'boolean':
      return { type: 'boolean' };
    case 'word':
      return {
        enum: [...Object.keys(schema.words), ...Object.keys(schema.aliases)],
        enumDescriptions: [
          ...Object.values(schema.words),
          ...Object.values(schema.aliases).map((word) => `another name of ${word}`),
        ],
      };
    case 'source': {
      const object = ofObject(sourceObject, {});
      return schema.isTextEnough
        ? { anyOf: [{ type: ['string', 'number', 'boolean'] }, object] }
        : object;
    }
    case 'list':
      return {
        type: ['array', 'null'],
        items: ofSchema(schema.item),
        minItems: schema.itemsMin,
        maxItems: schema.itemsMax,
      };
    case 'map':
      return { type: ['object', 'null'], additionalProperties: ofSchema(schema.item) };
    case 'object':
      return ofObject(schema, {});
    case 'variant':
      return ofVariant(schema);
  }
}

function ofNumber(schema: Extract<AnySchema, { kind: 'number' }>): JsonSchema {
  const { unit, isInteger, min, max } = schema;
  if (unit === 'ms') return { anyOf: [{ const: 0 }, { type: 'string', pattern: DURATION }] };
  const number = { type: isInteger ? 'integer' : 'number', minimum: min, maximum: max };
  return unit === 'bytes' ? { anyOf: [number, { type: 'string', pattern: SIZE }] } : number;
}

function ofObject(schema: ObjectSchema, more: JsonSchema): JsonSchema {
  const fields = Object.entries(schema.fields);
  const properties = fields.map(([name, field]) => [keyOf(name), ofField(field)] as const);
  const ignored = Object.entries(schema.ignored).map(([key, { why, values }]) => {
    const only = values === undefined ? {} : { enum: values.map((value) => JSON.parse(value)) };
    return [key, { ...only, deprecated: true, description: `No effect: ${why}.` }] as const;
  });
  const required = fields.filter(([, { presence }]) => presence === 'required');
  const { freePrefix } = schema;
  return {
    type: required.length > 0 ? 'object' : ['object', 'null'],
    properties: { ...more, ...Object.fromEntries(ignored), ...Object.fromEntries(properties) },
    required: required.map(([name]) => keyOf(name)),
    ...(freePrefix === undefined ? {} : { patternProperties: { [`^${freePrefix}`]: {} } }),
    additionalProperties: false,
  };
}

function ofField({ schema, presence, fallback, doc }: Field<unknown>): JsonSchema {
  const common = { ...ofSchema(schema), description: doc };
  if (presence !== 'default') return common;
  const isNumber = schema.kind === 'number' && schema.unit !== undefined;
  return { ...common, default: isNumber ? formatNumber(schema, fallback as number) : fallback };
}

function ofVariant({ tag, cases }: VariantSchema): JsonSchema {
  const names = Object.keys(cases);
  const docs = Object.values(cases).map(({ doc }) => doc);
  return {
    type: 'object',
    required: [tag],
    properties: { [tag]: { enum: names, enumDescriptions: docs } },
    allOf: Object.entries(cases).map(([name, { object }]) => {
      const is = { [tag]: { const: name } };
      const condition = { properties: is, required: [tag] };
      // biome-ignore lint/suspicious/noThenProperty: the word of JSON Schema
      return { if: condition, then: { ...ofObject(object, is), type: 'object' } };
    }),
  };
}
