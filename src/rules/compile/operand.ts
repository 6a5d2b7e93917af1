/** Looks up the names in operands. */
import { bad, type Checked, good } from '../language/problem.ts';
import type { ArrayLiteral, Operand } from '../language/syntax.ts';
import type { Value } from '../values/value.ts';
import { resolveCall } from './calls.ts';
import { type Resolved, readerOf } from './resolved.ts';
import type { Scope, ValueOf } from './scope.ts';

export function resolve(operand: Operand, scope: Scope): Checked<Resolved> {
  switch (operand.kind) {
    case 'literal':
      return good({ kind: 'constant', value: operand.value });
    case 'field': {
      const found = scope.schema.resolve(operand);
      if (!found.ok) return scope.macro(operand.name) === undefined ? found : uncalled(operand);
      const assumed = scope.assumed.get(found.value.name);
      if (assumed !== undefined) return good({ kind: 'constant', value: assumed });
      scope.fields.set(found.value.name, found.value);
      return good({ kind: 'field', ref: found.value });
    }
    case 'array':
      return resolveArray(operand, scope);
    case 'call':
      return resolveCall(operand, scope, (argument) => resolve(argument, scope));
  }
}

function uncalled(operand: Extract<Operand, { readonly kind: 'field' }>): Checked<never> {
  return bad(operand, `${operand.name} is a macro`, `write ${operand.name}()`);
}

function resolveArray(array: ArrayLiteral, scope: Scope): Checked<Resolved> {
  const elements: Resolved[] = [];
  for (const element of array.elements) {
    const resolved = resolve(element, scope);
    if (!resolved.ok) return resolved;
    elements.push(resolved.value);
  }
  const constants = elements.flatMap((element) =>
    element.kind === 'constant' ? [element.value] : [],
  );
  if (constants.length === elements.length) return good({ kind: 'constant', value: constants });
  const values = elements.map(readerOf);
  return good({ kind: 'computed', value: (source) => listOf(values, source), truth: null });
}

/** Undefined as soon as one element is missing. */
function listOf(values: readonly ValueOf[], source: Parameters<ValueOf>[0]): Value | undefined {
  const list: Value[] = [];
  for (const value of values) {
    const element = value(source);
    if (element === undefined) return undefined;
    list.push(element);
  }
  return list;
}
