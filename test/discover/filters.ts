/** `tap.filters` as the file's reader gives them, with the rule stage's patterns. */
import type { TapConfig } from '../../src/config/file/types.ts';
import { Exclusions } from '../../src/discover/exclusions.ts';
import { compilePattern } from '../../src/rules/values/pattern.ts';

type Filters = TapConfig['filters'];
type Custom = Filters['custom'][number];

export function custom(
  exe: string,
  strategy: Custom['strategy'] = 'suffix',
  only: Custom['only'] = [],
): Custom {
  return { exe, strategy, only };
}

export function exclusions({ groups = [], custom = [] }: Partial<Filters>): Exclusions {
  return new Exclusions({ groups, custom }, (source) => {
    const compiled = compilePattern(source);
    return compiled.ok ? compiled.pattern.test : undefined;
  });
}
