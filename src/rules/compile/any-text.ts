import type { FieldRef } from '../fields/field.ts';
import { FALSE, MISSING, type TextSlice, TRUE } from '../types.ts';
import { emptySlice } from '../values/text.ts';
import type { Test } from './scope.ts';

/** True when any value of a text field passes. */
export function anyText(ref: FieldRef, passes: (slice: TextSlice) => boolean): Test {
  const slice = emptySlice();
  if (ref.field.isSeveral !== true) {
    return (source) => {
      if (!source.text(ref, 0, slice)) return MISSING;
      return passes(slice) ? TRUE : FALSE;
    };
  }
  return (source) => {
    if (!source.text(ref, 0, slice)) return MISSING;
    if (passes(slice)) return TRUE;
    for (let i = 1; source.text(ref, i, slice); i++) if (passes(slice)) return TRUE;
    return FALSE;
  };
}
