/** Calls of functions and macros: names, numbers and kinds of arguments are checked at load. */
import { nearest } from '../../config/nearest.ts';
import { bad, type Checked, good } from '../language/problem.ts';
import type { Call, Operand } from '../language/syntax.ts';
import { isAscii, startsWithBytes } from '../values/text.ts';
import { isList, kindOf, type Value } from '../values/value.ts';
import { anyText } from './any-text.ts';
import { FUNCTIONS, type RuleFunction, textsOf } from './functions.ts';
import { ANYTHING } from './outcomes.ts';
import { type Resolved, readerOf } from './resolved.ts';
import type { Condition, Scope, Test, ValueOf } from './scope.ts';

type ResolveArgument = (argument: Operand) => Checked<Resolved>;

export function resolveCall(call: Call, scope: Scope, resolve: ResolveArgument): Checked<Resolved> {
  const known = FUNCTIONS.get(call.name);
  if (known !== undefined) return resolveFunction(call, known, resolve);
  const macro = scope.macro(call.name);
  if (macro === undefined) return unknownCall(call, scope);
  if (call.arguments.length > 0) {
    return bad(call, `macro "${call.name}" expects 0 arguments, got ${call.arguments.length}`);
  }
  return good({ kind: 'computed', value: macro.value, truth: macro });
}

function unknownCall(call: Call, scope: Scope): Checked<Resolved> {
  const best = nearest(call.name, [...scope.macroNames, ...FUNCTIONS.keys()]);
  const hint =
    best === undefined ? 'macros are defined in rulekit.macros' : `did you mean ${best}()?`;
  const span = { offset: call.offset, length: call.name.length };
  return bad(span, `unknown function or macro ${call.name}`, hint);
}

function resolveFunction(
  call: Call,
  known: RuleFunction,
  resolve: ResolveArgument,
): Checked<Resolved> {
  const expected = known.parameters.length;
  if (call.arguments.length !== expected) {
    const counts = `expects ${expected} arguments, got ${call.arguments.length}`;
    return bad(call, `function "${call.name}" ${counts}`, usage(call.name, known));
  }
  if (known.isReady?.() === false) return bad(call, `what "${call.name}" needs is not loaded`);
  const given: Resolved[] = [];
  for (const argument of call.arguments) {
    const resolved = resolve(argument);
    if (!resolved.ok) return resolved;
    const kind = known.isText ? notText(resolved.value) : undefined;
    if (kind !== undefined) {
      const name = known.parameters[given.length];
      return bad(
        argument,
        `${name} of "${call.name}" is text, not ${kind}`,
        usage(call.name, known),
      );
    }
    given.push(resolved.value);
  }
  return good(called(call.name, known, given));
}

function usage(name: string, { parameters }: RuleFunction): string {
  return `write ${name}(${parameters.join(', ')})`;
}

/** What the argument is instead of text; undefined when it may be text. */
function notText(argument: Resolved): string | undefined {
  if (argument.kind === 'computed') return undefined;
  if (argument.kind === 'constant') {
    return typeof argument.value === 'string' ? undefined : kindOf(argument.value);
  }
  const { type } = argument.ref.field;
  return type === 'text' || type === 'words' || type === 'any' ? undefined : type;
}

function called(name: string, known: RuleFunction, given: readonly Resolved[]): Resolved {
  const constants = given.flatMap((each) => (each.kind === 'constant' ? [each.value] : []));
  if (constants.length === given.length) {
    return { kind: 'constant', value: applyToAny(known, constants) };
  }
  const values = given.map(readerOf);
  const value: ValueOf = (source) => {
    const list = values.map((each) => each(source));
    const present = list.filter((each) => each !== undefined);
    return present.length === list.length ? applyToAny(known, present) : undefined;
  };
  const quick = name === 'starts_with' ? quickPrefix(given) : undefined;
  const truth: Condition | null =
    quick === undefined ? null : { test: quick, outcomes: ANYTHING, value };
  return { kind: 'computed', value, truth };
}

/** Of a field with several values the first result that is true, or text. */
function applyToAny(known: RuleFunction, values: readonly Value[]): Value {
  const [first, ...rest] = values.map((value) => (isList(value) ? [''] : textsOf(value)));
  const others = rest.map((texts) => texts[0] ?? '');
  let result: Value = false;
  for (const text of first) {
    result = known.apply([text, ...others]);
    if (result !== false) break;
  }
  return result;
}

/** The prefix of a text field, on its bytes. */
function quickPrefix([value, prefix]: readonly Resolved[]): Test | undefined {
  if (value.kind !== 'field' || value.ref.field.type !== 'text') return undefined;
  if (prefix.kind !== 'constant' || typeof prefix.value !== 'string') return undefined;
  if (!isAscii(prefix.value)) return undefined;
  const wanted = Buffer.from(prefix.value, 'latin1');
  return anyText(value.ref, (slice) => startsWithBytes(slice, wanted));
}
