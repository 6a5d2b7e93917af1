/** The functions of rules: Rulekit's own and those that Qtap adds. */
import { toText, type Value } from '../values/value.ts';
import { areZonesLoaded, zoneOf } from './zones.ts';

export interface RuleFunction {
  readonly parameters: readonly string[];
  /** True when every argument must be text; otherwise each is taken by its text form. */
  readonly isText: boolean;
  readonly doc: string;
  /** False: what it needs was not loaded (zones.ts). */
  isReady?(): boolean;
  apply(values: readonly string[]): Value;
}

export const FUNCTIONS: ReadonlyMap<string, RuleFunction> = new Map<string, RuleFunction>([
  [
    'starts_with',
    {
      parameters: ['value', 'prefix'],
      isText: false,
      doc: 'True when the text form of the value begins with that of the prefix.',
      apply: ([value, prefix]) => value.startsWith(prefix),
    },
  ],
  [
    'zone',
    {
      parameters: ['domain'],
      isText: true,
      doc: 'The registrable domain by the public suffix list (`example.co.uk` of `a.b.example.co.uk`), or the domain itself when it has none.',
      isReady: areZonesLoaded,
      apply: ([domain]) => zoneOf(domain),
    },
  ],
  [
    'in_zone',
    {
      parameters: ['domain', 'zone'],
      isText: true,
      doc: 'True when the domain is the zone or lies below it; case-sensitive.',
      apply: ([domain, zone]) => domain === zone || domain.endsWith(`.${zone}`),
    },
  ],
]);

/** Every text that a value stands for: all values of a repeated header, all words of a list. */
export function textsOf(value: Value): readonly string[] {
  const isSeveral =
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    (value.kind === 'several' || value.kind === 'words');
  return isSeveral ? value.values : [toText(value)];
}
