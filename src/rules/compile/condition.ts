/** The tree into closures. Every name is looked up and every type checked here, once. */
import { type Checked, good } from '../language/problem.ts';
import type { Node } from '../language/syntax.ts';
import { FALSE, MISSING, TRUE } from '../types.ts';
import { compareValues } from '../values/compare.ts';
import { isTruthy, kindOf, type Value } from '../values/value.ts';
import { warnNeverTrue } from './never-true.ts';
import { resolve } from './operand.ts';
import {
  ANYTHING,
  both,
  bothOutcomes,
  CAN_BE_FALSE,
  CAN_BE_TRUE,
  either,
  notOutcomes,
  type Outcomes,
  outcomeOf,
} from './outcomes.ts';
import { mayMiss, possible } from './possible.ts';
import { quickTest } from './predicates.ts';
import { type Resolved, readerOf } from './resolved.ts';
import { type Condition, once, type Scope, type Test, type ValueOf } from './scope.ts';

export function compileNode(node: Node, scope: Scope): Checked<Condition> {
  switch (node.kind) {
    case 'and':
    case 'or':
      return compileJoined(node, scope);
    case 'not': {
      const inner = compileNode(node.operand, scope);
      return inner.ok ? good(negated(inner.value)) : inner;
    }
    case 'truth': {
      const operand = resolve(node.operand, scope);
      return operand.ok ? good(truthOf(operand.value)) : operand;
    }
    case 'compare':
      return compileCompare(node, scope);
  }
}

function negated({ test, outcomes }: Condition): Condition {
  return fromTest((source) => {
    const result = test(source);
    return result === MISSING ? MISSING : result === TRUE ? FALSE : TRUE;
  }, notOutcomes(outcomes));
}

/** A condition whose value is its truth. */
function fromTest(test: Test, outcomes: Outcomes): Condition {
  const value: ValueOf = (source) => {
    const result = test(source);
    return result === MISSING ? undefined : result === TRUE;
  };
  return { test, outcomes, value };
}

function fromConstant(value: Value): Condition {
  const result = isTruthy(value) ? TRUE : FALSE;
  return { test: () => result, outcomes: outcomeOf(result), value: () => value };
}

function compileJoined(
  node: Extract<Node, { readonly kind: 'and' | 'or' }>,
  scope: Scope,
): Checked<Condition> {
  const conditions: Condition[] = [];
  for (const operand of node.operands) {
    const compiled = compileNode(operand, scope);
    if (!compiled.ok) return compiled;
    conditions.push(compiled.value);
  }
  return good(node.kind === 'and' ? conjunction(conditions) : disjunction(conditions));
}

function outcomesOf(conditions: readonly Condition[], combine: typeof both): Outcomes {
  return conditions
    .map(({ outcomes }) => outcomes)
    .reduce((left, right) => bothOutcomes(left, right, combine));
}

function conjunction(conditions: readonly Condition[]): Condition {
  const outcomes = outcomesOf(conditions, both);
  const tests = conditions.map(({ test }) => test);
  const [first, second] = tests;
  if (tests.length > 2) return fromTest((source) => all(tests, source), outcomes);
  return fromTest((source) => {
    const left = first(source);
    if (left === FALSE) return FALSE;
    const right = second(source);
    return right === TRUE ? left : right;
  }, outcomes);
}

function all(tests: readonly Test[], source: Parameters<Test>[0]): ReturnType<Test> {
  let result: ReturnType<Test> = TRUE;
  for (let i = 0; i < tests.length; i++) {
    const each = tests[i](source);
    if (each === FALSE) return FALSE;
    if (each === MISSING) result = MISSING;
  }
  return result;
}

/** Its value is that of the first operand that passes. */
function disjunction(conditions: readonly Condition[]): Condition {
  const outcomes = outcomesOf(conditions, either);
  const tests = conditions.map(({ test }) => test);
  const test: Test = (source) => {
    let result: ReturnType<Test> = FALSE;
    for (let i = 0; i < tests.length; i++) {
      const each = tests[i](source);
      if (each === TRUE) return TRUE;
      if (each === MISSING) result = MISSING;
    }
    return result;
  };
  const value: ValueOf = (source) => {
    const passing = conditions.find((condition) => condition.test(source) === TRUE);
    if (passing !== undefined) return passing.value(source);
    return test(source) === MISSING ? undefined : false;
  };
  return { test, outcomes, value };
}

function truthOf(operand: Resolved): Condition {
  if (operand.kind === 'constant') return fromConstant(operand.value);
  if (operand.kind === 'computed' && operand.truth !== null) return operand.truth;
  const value = readerOf(operand);
  if (operand.kind === 'field') {
    const { ref } = operand;
    const outcomes = mayMiss(ref.field, CAN_BE_TRUE | CAN_BE_FALSE);
    if (ref.field.type === 'flag') return { test: (source) => source.flag(ref), outcomes, value };
    const quick = quickTest(ref, '!=', ref.field.type === 'number' ? 0 : '');
    if (quick !== undefined) return { test: quick, outcomes, value };
  }
  const test: Test = (source) => {
    const result = value(source);
    return result === undefined ? MISSING : isTruthy(result) ? TRUE : FALSE;
  };
  return { test, outcomes: ANYTHING, value };
}

function compileCompare(
  node: Extract<Node, { readonly kind: 'compare' }>,
  scope: Scope,
): Checked<Condition> {
  const left = resolve(node.left, scope);
  if (!left.ok) return left;
  const right = resolve(node.right, scope);
  if (!right.ok) return right;
  const { operator } = node;
  const [a, b] = [left.value, right.value];
  if (a.kind === 'constant' && b.kind === 'constant') {
    const result = compareValues(a.value, operator, b.value);
    if (!result) warnNeverTrue(node, a, b, scope);
    return good(fromConstant(result));
  }
  const outcomes = possible(a, operator, b);
  if ((outcomes & CAN_BE_TRUE) === 0) warnNeverTrue(node, a, b, scope);
  const quick =
    a.kind === 'field' && b.kind === 'constant' ? quickTest(a.ref, operator, b.value) : undefined;
  const test = quick ?? slowTest(readerOf(a), operator, readerOf(b));
  const isDear = b.kind === 'constant' && a.kind === 'field' && isEngine(b.value);
  if (!isDear) return good(fromTest(test, outcomes));
  const key = `${a.ref.name} ${operator} ${kindOf(b.value)} ${patternSource(b.value)}`;
  const shared = scope.shared.get(key) ?? once(test);
  scope.shared.set(key, shared);
  return good(fromTest(shared, outcomes));
}

function slowTest(
  left: ValueOf,
  operator: Parameters<typeof compareValues>[1],
  right: ValueOf,
): Test {
  return (source) => {
    const a = left(source);
    if (a === undefined) return MISSING;
    const b = right(source);
    if (b === undefined) return MISSING;
    return compareValues(a, operator, b) ? TRUE : FALSE;
  };
}

/** Patterns that need the engine: the same one on the same field is run once per exchange. */
function isEngine(value: Value): boolean {
  return patternSource(value) !== '';
}

function patternSource(value: Value): string {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return '';
  return value.kind === 'pattern' && value.plain === null ? value.source : '';
}
