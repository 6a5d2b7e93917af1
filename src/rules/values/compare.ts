/**
 * What the operators mean for values of every kind: Rulekit's table, with our differences (text that
 * holds an IP address is compared as one, from either side; several values of a header each count).
 * Kinds that do not fit give false for `==` and for `!=` alike, never an error.
 */
import type { CompareOperator } from '../language/syntax.ts';
import {
  type AddressWords,
  type Cidr,
  emptyAddress,
  type Ip,
  isMember,
  isSameAddress,
  parseAddress,
} from './address.ts';
import type { Hex, Mac, Value, Words } from './value.ts';
import { isList } from './value.ts';

type Scalar = Exclude<Value, readonly Value[]>;

export function compareValues(left: Value, operator: CompareOperator, right: Value): boolean {
  if (operator === 'in') return isIn(left, right);
  if (isList(right)) return compareWithList(left, operator, right);
  if (isList(left)) return compareList(left, operator, right);
  return compareScalars(left, operator, right);
}

/** As in Rulekit, hex bytes and patterns in the list of `in` never match. */
function isIn(left: Value, right: Value): boolean {
  if (!isList(right)) return compareValues(left, '==', right);
  return right.some((element) => !isNeverIn(element) && compareValues(left, '==', element));
}

export function isNeverIn(element: Value): boolean {
  if (typeof element !== 'object' || element === null || isList(element)) return false;
  return element.kind === 'hex' || element.kind === 'pattern';
}

function compareWithList(left: Value, operator: CompareOperator, right: readonly Value[]): boolean {
  const isEqual = () => right.some((element) => compareValues(left, '==', element));
  if (operator === '==') return isEqual();
  return operator === '!=' && !isEqual();
}

function compareList(left: readonly Value[], operator: CompareOperator, right: Value): boolean {
  if (operator !== '==' && operator !== '!=' && operator !== 'contains') return false;
  const isEqual = left.some((element) => compareValues(element, '==', right));
  return operator === '!=' ? !isEqual : isEqual;
}

function compareScalars(left: Scalar, operator: CompareOperator, right: Scalar): boolean {
  if (typeof right === 'object' && right !== null) {
    if (right.kind === 'several' || right.kind === 'words') {
      return right.values.some((value) => compareScalars(left, operator, value));
    }
  }
  if (typeof left === 'string') return compareText(left, operator, right);
  if (typeof left === 'number' || typeof left === 'bigint')
    return compareNumber(left, operator, right);
  if (typeof left === 'boolean')
    return typeof right === 'boolean' && equality(operator, left === right);
  return left !== null && compareObject(left, operator, right);
}

function compareObject(
  left: Exclude<Scalar, string | number | bigint | boolean | null>,
  operator: CompareOperator,
  right: Scalar,
): boolean {
  switch (left.kind) {
    case 'several':
      return left.values.some((value) => compareText(value, operator, right));
    case 'words':
      return compareWords(left, operator, right);
    case 'ip':
    case 'cidr':
      if (typeof right === 'string') return compareText(right, operator, left);
      return compareAddress(left, operator, right);
    case 'mac':
      return compareMac(left, operator, right);
    default:
      return false;
  }
}

function equality(operator: CompareOperator, isEqual: boolean): boolean {
  return operator === '==' ? isEqual : operator === '!=' && !isEqual;
}

function compareText(left: string, operator: CompareOperator, right: Scalar): boolean {
  if (typeof right === 'string') {
    return operator === 'contains' ? left.includes(right) : equality(operator, left === right);
  }
  if (typeof right !== 'object' || right === null) return false;
  switch (right.kind) {
    case 'pattern':
      return operator === '!=' ? !right.test(left) : right.test(left);
    case 'ip':
    case 'cidr':
      return compareTextAddress(left, operator, right);
    case 'hex':
      return compareBytes(left, operator, right);
    case 'mac':
      return compareMac(right, operator, left);
    default:
      return false;
  }
}

const parsed: AddressWords = emptyAddress();

function compareTextAddress(left: string, operator: CompareOperator, right: Ip | Cidr): boolean {
  if (operator === 'contains' && left.includes(right.text)) return true;
  const bytes = Buffer.from(left, 'latin1');
  if (!parseAddress(bytes, 0, bytes.length, parsed)) return operator === '!=';
  if (operator === 'contains') return right.kind === 'cidr' && isMember(parsed, right);
  return equality(operator, isAt(parsed, right));
}

/** The address is that address, or in that network. */
export function isAt(address: Readonly<AddressWords>, target: Ip | Cidr): boolean {
  return target.kind === 'ip' ? isSameAddress(address, target.words) : isMember(address, target);
}

function compareBytes(left: string, operator: CompareOperator, right: Hex): boolean {
  const bytes = Buffer.from(left, 'utf8');
  return operator === 'contains'
    ? bytes.includes(right.bytes)
    : equality(operator, bytes.equals(right.bytes));
}

/** NaN equals NaN, as Go's cmp.Compare has it. */
function compareNumber(left: number | bigint, operator: CompareOperator, right: Scalar): boolean {
  if (typeof right !== 'number' && typeof right !== 'bigint') return false;
  switch (operator) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    default:
      return equality(operator, isSameNumber(left, right));
  }
}

function isSameNumber(left: number | bigint, right: number | bigint): boolean {
  // biome-ignore lint/suspicious/noDoubleEquals: a bigint equals a number only loosely
  return left == right || (Number.isNaN(left) && Number.isNaN(right));
}

/** Any word that is equal, that matches; of `!=` any that differs. */
function compareWords(left: Words, operator: CompareOperator, right: Scalar): boolean {
  if (typeof right === 'string') {
    const isEqual = operator === '==' || operator === 'contains';
    if (!isEqual && operator !== '!=') return false;
    return left.values.some((word) => (word === right) === isEqual);
  }
  if (typeof right !== 'object' || right === null) return false;
  const isKnown = right.kind === 'pattern' || right.kind === 'ip' || right.kind === 'cidr';
  return isKnown && left.values.some((word) => compareText(word, operator, right));
}

function compareAddress(left: Ip | Cidr, operator: CompareOperator, right: Scalar): boolean {
  if (typeof right !== 'object' || right === null) return false;
  const [address, target] = left.kind === 'ip' ? [left, right] : [right, left];
  if (address.kind !== 'ip' || (target.kind !== 'ip' && target.kind !== 'cidr')) return false;
  const isThere = isAt(address.words, target);
  if (operator === 'contains') return target.kind === 'cidr' && isThere;
  return equality(operator, isThere);
}

function compareMac(left: Mac, operator: CompareOperator, right: Scalar): boolean {
  const text = macText(right);
  if (text === undefined) return false;
  return operator === 'contains'
    ? left.text.includes(text)
    : equality(operator, left.text === text);
}

function macText(value: Scalar): string | undefined {
  if (typeof value === 'string') return value.toLowerCase();
  if (typeof value !== 'object' || value === null) return undefined;
  return value.kind === 'mac' || value.kind === 'hex' ? value.text.toLowerCase() : undefined;
}
