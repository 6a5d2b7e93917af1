/** `tap.filters` with the patterns of the rules. */
import type { Config } from './config/file/types.ts';
import { Exclusions } from './discover/exclusions.ts';
import { compilePattern } from './rules/values/pattern.ts';

export function exclusionsOf({ tap }: Config): Exclusions {
  return new Exclusions(tap.filters, (source) => {
    const compiled = compilePattern(source);
    return compiled.ok ? compiled.pattern.test : undefined;
  });
}
