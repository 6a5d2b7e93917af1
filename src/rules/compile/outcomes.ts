/**
 * Which results a condition can have at all, as a set of bits. Rules whose condition can never be
 * true, or always is, are found with it when the file is loaded.
 */
import { FALSE, MISSING, TRUE, type Truth } from '../types.ts';

export const CAN_BE_TRUE = 1;
export const CAN_BE_FALSE = 2;
export const CAN_BE_MISSING = 4;
export const ANYTHING = CAN_BE_TRUE | CAN_BE_FALSE | CAN_BE_MISSING;
export type Outcomes = number;

const BITS: readonly (readonly [Truth, number])[] = [
  [TRUE, CAN_BE_TRUE],
  [FALSE, CAN_BE_FALSE],
  [MISSING, CAN_BE_MISSING],
];

export function outcomeOf(truth: Truth | boolean): Outcomes {
  if (truth === MISSING) return CAN_BE_MISSING;
  return truth === TRUE || truth === true ? CAN_BE_TRUE : CAN_BE_FALSE;
}

export function notOutcomes(of: Outcomes): Outcomes {
  const flipped = ((of & CAN_BE_TRUE) << 1) | ((of & CAN_BE_FALSE) >> 1);
  return flipped | (of & CAN_BE_MISSING);
}

/** Each result of the one side with each of the other; that both may depend on one field is not seen. */
export function bothOutcomes(
  left: Outcomes,
  right: Outcomes,
  combine: (left: Truth, right: Truth) => Truth,
): Outcomes {
  let all = 0;
  for (const [a, aBit] of BITS) {
    for (const [b, bBit] of BITS) {
      if ((left & aBit) !== 0 && (right & bBit) !== 0) all |= outcomeOf(combine(a, b));
    }
  }
  return all;
}

export function both(left: Truth, right: Truth): Truth {
  if (left === FALSE || right === FALSE) return FALSE;
  return left === MISSING || right === MISSING ? MISSING : TRUE;
}

export function either(left: Truth, right: Truth): Truth {
  if (left === TRUE || right === TRUE) return TRUE;
  return left === MISSING || right === MISSING ? MISSING : FALSE;
}
