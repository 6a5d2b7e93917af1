/** `{type: env|text, value: ...}`: credentials and headers. */
import { isMap, isScalar, type Node, type Scalar } from 'yaml';
import { shapeOf, textOf } from './node-shape.ts';
import type { ReadContext } from './read-context.ts';
import { readFields } from './read-object.ts';
import type { ObjectSchema, SourceSchema, ValueSource } from './schema.ts';

const SHAPE = '{type: env, value: NAME_OF_A_VARIABLE} or {type: text, value: the text itself}';

export const sourceObject: ObjectSchema = {
  kind: 'object',
  unsupported: {},
  ignored: {},
  fields: {
    type: {
      schema: {
        kind: 'word',
        words: { env: 'value is the name of a variable', text: 'value is the text itself' },
        aliases: {},
        unsupported: {},
      },
      presence: 'required',
      doc: 'env: value is the name of a variable; text: value is the text itself.',
    },
    value: {
      schema: { kind: 'text', what: 'text' },
      presence: 'required',
      doc: 'The name of the variable, or the text.',
    },
  },
};

export function readSource(
  context: ReadContext,
  schema: SourceSchema,
  node: Node,
  path: string,
): ValueSource | undefined {
  if (isScalar(node) && schema.isTextEnough && node.value !== null) {
    warnOfExpansion(context, node, path);
    return { type: 'text', name: '', value: textOf(node) };
  }
  if (!isMap(node)) {
    context.error(path, node, `${shapeOf(node)} where {type, value} belongs`, SHAPE);
    return undefined;
  }
  const entries = context.nodes.entries(node);
  const read = readFields(context, sourceObject, { entries, node, path });
  const { type, value } = read as { type?: 'env' | 'text'; value?: string };
  if (type === undefined || value === undefined) return undefined;
  if (type === 'text') return { type, name: '', value };
  const at = entries.find(({ key }) => key === 'value')?.value ?? node;
  return { type, name: value, value: readVariable(context, value, at, path) };
}

/** '' when it is not set, which is a problem. */
export function readVariable(context: ReadContext, name: string, node: Node, path: string): string {
  const { environment, unsetVariable } = context.options;
  const value = environment[name] ?? '';
  if (value === '') {
    context.problem(unsetVariable, path, node, `the environment variable ${name} is not set`);
  }
  return value;
}

/** A Collector expands `${env:NAME}` everywhere; here it would be sent as it is. */
function warnOfExpansion(context: ReadContext, node: Scalar, path: string): void {
  const name = /\$\{(?:env:)?(\w+)/.exec(textOf(node))?.[1];
  if (name === undefined) return;
  const hint = `write {type: env, value: ${name}}`;
  context.problem('warning', path, node, `\${${name}} is not expanded`, hint);
}
