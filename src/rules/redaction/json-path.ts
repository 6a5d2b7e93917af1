/**
 * Paths into JSON: `$.a.b`, `$.a[0]`, `$.a[*]`, `$.*`, `$..name`, `$["odd key"]`. A path is matched step by
 * step while the document is read; the steps that may come next are bits of one number.
 */
import { bad, type Checked, good } from '../language/problem.ts';

export interface JsonPath {
  readonly steps: readonly Step[];
}

interface Step {
  /** Any number of levels may lie before it. */
  readonly isDeep: boolean;
  /** Null: every member and element. */
  readonly key: string | number | null;
}

/** Steps are bits of a 31-bit integer. */
const STEPS_MAX = 30;

const STEP = /(\.\.?)(?:(\*)|([^.[\]*"'\s]+))|(\.\.)?\[(?:(\*)|(\d+)|("(?:[^"\\]|\\.)*"))\]/y;

export function parseJsonPath(text: string): Checked<JsonPath> {
  if (!text.startsWith('$')) {
    return bad({ offset: 0, length: text.length }, 'a JSON path begins with $', 'write $.name');
  }
  const steps: Step[] = [];
  for (let at = 1; at < text.length; at = STEP.lastIndex) {
    STEP.lastIndex = at;
    const match = STEP.exec(text);
    const key = match === null ? undefined : keyOf(match);
    if (match === null || key === undefined || steps.length === STEPS_MAX) {
      const span = { offset: at, length: text.length - at };
      return bad(span, 'not a JSON path', 'known are .name ..name .* [*] [0] ["name"]');
    }
    steps.push({ isDeep: match[1] === '..' || match[4] !== undefined, key });
  }
  if (steps.length === 0) return bad({ offset: 0, length: 1 }, 'a JSON path names something in $');
  return good({ steps });
}

function keyOf(match: RegExpExecArray): string | number | null | undefined {
  const [, , star, name, , bracketStar, index, quoted] = match;
  if (star !== undefined || bracketStar !== undefined) return null;
  if (name !== undefined) return name;
  if (index !== undefined) return Number(index);
  try {
    return JSON.parse(quoted ?? '');
  } catch {
    return undefined;
  }
}

/** Before the first step. */
export const AT_ROOT = 1;

/** The steps that may come next below `key`. */
export function descend({ steps }: JsonPath, state: number, key: string | number): number {
  let next = 0;
  for (let i = 0; i < steps.length; i++) {
    if ((state & (1 << i)) === 0) continue;
    const step = steps[i];
    if (step.key === null || step.key === key) next |= 1 << (i + 1);
    if (step.isDeep) next |= 1 << i;
  }
  return next;
}

export function isMatch({ steps }: JsonPath, state: number): boolean {
  return (state & (1 << steps.length)) !== 0;
}
