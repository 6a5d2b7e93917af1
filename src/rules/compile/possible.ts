/**
 * Which results a comparison of a field with a known value can have: by the field's type, or by trying
 * all of its values where it has only some.
 */
import type { Field } from '../fields/field.ts';
import type { CompareOperator } from '../language/syntax.ts';
import { compareValues } from '../values/compare.ts';
import { isList, kindOf, type Value } from '../values/value.ts';
import {
  ANYTHING,
  CAN_BE_FALSE,
  CAN_BE_MISSING,
  CAN_BE_TRUE,
  type Outcomes,
  outcomeOf,
} from './outcomes.ts';
import type { Resolved } from './resolved.ts';

export function mayMiss(field: Field, outcomes: Outcomes): Outcomes {
  return field.isAlways === true ? outcomes : outcomes | CAN_BE_MISSING;
}

export function possible(left: Resolved, operator: CompareOperator, right: Resolved): Outcomes {
  const [field, constant] = left.kind === 'field' ? [left, right] : [right, left];
  if (field.kind !== 'field' || constant.kind !== 'constant') return ANYTHING;
  const { type, values } = field.ref.field;
  const compare = (value: Value) =>
    field === left
      ? compareValues(value, operator, constant.value)
      : compareValues(constant.value, operator, value);
  if (values !== undefined) {
    const seen = values.map((value) => outcomeOf(compare(value)));
    return mayMiss(
      field.ref.field,
      seen.reduce((all, one) => all | one, 0),
    );
  }
  const open = mayMiss(field.ref.field, CAN_BE_TRUE | CAN_BE_FALSE);
  return isHopeless(type, operator, constant.value, field === left) ? open & ~CAN_BE_TRUE : open;
}

/** True when no value of the type can ever make the comparison true. */
function isHopeless(
  type: Field['type'],
  operator: CompareOperator,
  constant: Value,
  isLeft: boolean,
): boolean {
  if (isList(constant)) {
    if (!isLeft || operator === '!=') return false;
    if (operator === 'contains') return true;
    return constant.every((each) => isHopeless(type, operator === 'in' ? 'in' : '==', each, true));
  }
  const kind = kindOf(constant);
  if (type === 'any') return false;
  if (operator === 'in' && (kind === 'hex bytes' || kind === 'pattern')) return true;
  if (!isLeft && (kind === 'hex bytes' || kind === 'pattern')) return true;
  if (isOrder(operator)) return type !== 'number';
  // An address differs from every text that is none.
  if (type === 'address' && kind === 'text') return operator !== '!=';
  // On the right, each word stands for itself.
  const fitting = FITTING[!isLeft && type === 'words' ? 'text' : type];
  return !fitting.includes(kind) || (type === 'number' && operator === 'contains');
}

function isOrder(operator: string): boolean {
  return operator.startsWith('<') || operator.startsWith('>');
}

/** Kinds of literals that a field of the type may equal, contain or match. */
const FITTING: Readonly<Record<Exclude<Field['type'], 'any'>, readonly string[]>> = {
  text: ['text', 'pattern', 'IP address', 'network', 'MAC address', 'hex bytes'],
  words: ['text', 'pattern', 'IP address', 'network'],
  address: ['IP address', 'network'],
  number: ['number'],
  flag: ['boolean'],
};
