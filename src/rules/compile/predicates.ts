/**
 * The quick forms of comparisons: a field of a known type with a value that is known when the file is
 * loaded. They read bytes and numbers in place. What has no quick form is compared by values/compare.ts;
 * tests hold the two against each other.
 */
import type { FieldRef } from '../fields/field.ts';
import type { CompareOperator } from '../language/syntax.ts';
import { FALSE, MISSING, type TextSlice, TRUE } from '../types.ts';
import { type Cidr, emptyAddress, type Ip, parseAddress } from '../values/address.ts';
import { isAt, isNeverIn } from '../values/compare.ts';
import type { Pattern } from '../values/pattern.ts';
import { testPlain } from '../values/plain-pattern.ts';
import { containsBytes, decodeText, isAscii, isSameBytes } from '../values/text.ts';
import { isList, type Value } from '../values/value.ts';
import { anyText } from './any-text.ts';
import type { Test } from './scope.ts';

type Passes = (slice: TextSlice) => boolean;

/** Undefined when there is no quick form. */
export function quickTest(
  ref: FieldRef,
  operator: CompareOperator,
  value: Value,
): Test | undefined {
  switch (ref.field.type) {
    case 'number':
      return typeof value === 'number' ? numberTest(ref, operator, value) : undefined;
    case 'text':
    case 'address': {
      const passes = textPasses(ref, operator, value);
      return passes === undefined ? undefined : anyText(ref, passes);
    }
    default:
      return undefined;
  }
}

function numberTest(ref: FieldRef, operator: CompareOperator, wanted: number): Test | undefined {
  const passes = NUMBERS[operator];
  if (passes === undefined) return undefined;
  return (source) => {
    const value = source.number(ref);
    if (Number.isNaN(value)) return MISSING;
    return passes(value, wanted) ? TRUE : FALSE;
  };
}

const NUMBERS: Partial<Record<CompareOperator, (value: number, wanted: number) => boolean>> = {
  '==': (value, wanted) => value === wanted,
  '!=': (value, wanted) => value !== wanted,
  '<': (value, wanted) => value < wanted,
  '<=': (value, wanted) => value <= wanted,
  '>': (value, wanted) => value > wanted,
  '>=': (value, wanted) => value >= wanted,
};

function textPasses(ref: FieldRef, operator: CompareOperator, value: Value): Passes | undefined {
  if (isList(value)) return listPasses(ref, operator, value);
  if (typeof value === 'string') {
    return ref.field.type === 'text' && isAscii(value) ? literalPasses(operator, value) : undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (value.kind === 'pattern' && ref.field.type === 'text') return patternPasses(operator, value);
  if (value.kind === 'ip' || value.kind === 'cidr') return addressPasses(operator, value);
  return undefined;
}

function literalPasses(operator: CompareOperator, text: string): Passes | undefined {
  const wanted = Buffer.from(text, 'latin1');
  switch (operator) {
    case '==':
      return (slice) => isSameBytes(slice, wanted);
    case '!=':
      return (slice) => !isSameBytes(slice, wanted);
    case 'contains':
      return ({ bytes, start, end }) => containsBytes(bytes, start, end, wanted);
    default:
      return undefined;
  }
}

function patternPasses(operator: CompareOperator, pattern: Pattern): Passes | undefined {
  const isWanted = operator !== '!=';
  if (isWanted && !['==', 'contains', 'matches'].includes(operator)) return undefined;
  const { plain } = pattern;
  if (plain === null) return (slice) => pattern.test(decodeText(slice)) === isWanted;
  return ({ bytes, start, end }) => testPlain(plain, bytes, start, end) === isWanted;
}

const parsed = emptyAddress();

function addressPasses(operator: CompareOperator, target: Ip | Cidr): Passes | undefined {
  const isSameOrIn = operator === '==' || operator === 'in';
  if (!isSameOrIn && operator !== '!=') return undefined;
  return ({ bytes, start, end }) =>
    (parseAddress(bytes, start, end, parsed) && isAt(parsed, target)) === isSameOrIn;
}

/** Equality with any element. Lists longer than this are looked up as a set. */
const SCANNED_MAX = 8;

function listPasses(
  ref: FieldRef,
  operator: CompareOperator,
  list: readonly Value[],
): Passes | undefined {
  if (operator !== '==' && operator !== '!=' && operator !== 'in') return undefined;
  const wanted = operator === 'in' ? list.filter((element) => !isNeverIn(element)) : list;
  const isEqual = anyOf(ref, wanted);
  if (isEqual === undefined) return undefined;
  // `!=` a list is "none of it" for the whole field, which several values make another question.
  if (operator === '!=')
    return ref.field.isSeveral === true ? undefined : (slice) => !isEqual(slice);
  return isEqual;
}

function anyOf(ref: FieldRef, wanted: readonly Value[]): Passes | undefined {
  const texts = wanted.filter((element) => typeof element === 'string');
  const targets = wanted.filter(isTarget);
  const others = wanted.filter((element) => typeof element !== 'string' && !isTarget(element));
  const isLong = texts.length > SCANNED_MAX && ref.field.type === 'text';
  const all: Passes[] = [];
  if (isLong) all.push(inSet(new Set(texts)));
  if (targets.length > 0) all.push(atAny(targets));
  for (const element of isLong ? others : [...texts, ...others]) {
    const passes = textPasses(ref, '==', element);
    if (passes === undefined) return undefined;
    all.push(passes);
  }
  return (slice) => {
    for (let i = 0; i < all.length; i++) if (all[i](slice)) return true;
    return false;
  };
}

function inSet(set: ReadonlySet<string>): Passes {
  return (slice) => set.has(decodeText(slice));
}

function isTarget(value: Value): value is Ip | Cidr {
  if (typeof value !== 'object' || value === null || isList(value)) return false;
  return value.kind === 'ip' || value.kind === 'cidr';
}

/** Parses the text once for all of them. */
function atAny(targets: readonly (Ip | Cidr)[]): Passes {
  return ({ bytes, start, end }) => {
    if (!parseAddress(bytes, start, end, parsed)) return false;
    for (let i = 0; i < targets.length; i++) if (isAt(parsed, targets[i])) return true;
    return false;
  };
}
