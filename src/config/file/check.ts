/** What a file of the right shape says wrong: grammars, macros, rules, references. */
import type { Finding, Grammars } from './finding.ts';
import { checkMacros } from './macros.ts';
import type { Problem } from './problem.ts';
import type { ReadResult } from './read.ts';
import type { Grammatical } from './read-context.ts';
import { checkReferences } from './references.ts';
import { checkHeaderSides, checkRuleOrder } from './rule-order.ts';
import { offsetInFile } from './scalar-offset.ts';
import type { Config } from './types.ts';
import type { YamlDocument } from './yaml-document.ts';

export function checkMeaning(
  config: Config,
  read: ReadResult,
  document: YamlDocument,
  file: string,
  grammars: Grammars,
): Problem[] {
  const expressions = read.grammatical.filter(({ format }) => format === 'expression');
  const findings = [
    ...checkReferences(config),
    ...checkMacros(config, expressions),
    ...checkRuleOrder(config),
    ...checkHeaderSides(expressions),
    ...checkGrammars(config, read.grammatical, grammars),
  ];
  return withoutEchoes(findings.map((finding) => place(finding, read, document, file)));
}

function checkGrammars(
  config: Config,
  texts: readonly Grammatical[],
  { checkExpression, checkRegex }: Grammars,
): Finding[] {
  const macros = new Map(config.rulekit.macros.map(({ name, expr }) => [name, expr]));
  return texts.flatMap(({ format, text, path }) => {
    const problems =
      format === 'regex' ? (checkRegex?.(text) ?? []) : (checkExpression?.(text, macros) ?? []);
    return problems.map((problem): Finding => ({ ...problem, path }));
  });
}

function place(
  { severity, path, offset, message, hint }: Finding,
  { grammatical, positions }: ReadResult,
  document: YamlDocument,
  file: string,
): Problem {
  const text = offset === undefined ? undefined : grammatical.find((item) => item.path === path);
  const { line, column } =
    text === undefined || offset === undefined
      ? positionOf(path, positions)
      : document.positionAt(offsetInFile(document.source, text.node, offset));
  return { severity, path, file, line, column, message, hint };
}

/** Of the value, or of what holds it where it is not in the file itself. */
function positionOf(
  path: string,
  positions: ReadResult['positions'],
): { readonly line: number; readonly column: number } {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.search(/[.[][^.[]*$/)))) {
    const position = positions.get(at);
    if (position !== undefined) return position;
  }
  return { line: 1, column: 1 };
}

/** Two checks may see the same mistake; an error at one place is said once. */
function withoutEchoes(problems: readonly Problem[]): Problem[] {
  const errors = new Set<string>();
  return problems.filter(({ severity, line, column }) => {
    const place = `${line}:${column}`;
    if (severity === 'warning') return true;
    const isNew = !errors.has(place);
    errors.add(place);
    return isNew;
  });
}
