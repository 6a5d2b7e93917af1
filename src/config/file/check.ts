/** What a file of the right shape says wrong: grammars, macros, rules, references. */
import type { Finding, Grammars } from './finding.ts';
import { checkHeaderSides } from './header-sides.ts';
import { checkMacros } from './macros.ts';
import { findNeverAsked } from './never-asked.ts';
import type { Problem } from './problem.ts';
import type { ReadResult } from './read.ts';
import type { Grammatical } from './read-context.ts';
import { checkReferences } from './references.ts';
import { checkRuleOrder } from './rule-order.ts';
import { offsetInFile } from './scalar-offset.ts';
import { checkStackParts } from './stack-parts.ts';
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
    ...findNeverAsked(config),
    ...checkStackParts(config),
    ...checkMacros(config, expressions),
    ...checkRuleOrder(config, grammars),
    ...checkHeaderSides(expressions),
    ...checkGrammars(config, read.grammatical, grammars),
    ...checkFilterPatterns(config, grammars),
  ];
  const texts = new Map(read.grammatical.map((text) => [text.path, text]));
  return withoutEchoes(
    findings.map((finding) => place(finding, read.positions, texts, document, file)),
  );
}

function checkGrammars(
  config: Config,
  texts: readonly Grammatical[],
  grammars: Grammars,
): Finding[] {
  const expression = grammars.expressions?.(config.rulekit.macros);
  return texts.flatMap(({ format, text, path }) => {
    const check = format === 'regex' ? grammars.regex : expression;
    return (check?.(text) ?? []).map((problem): Finding => ({ ...problem, path }));
  });
}

/** Whether a filter is a pattern is said beside it. */
function checkFilterPatterns({ tap }: Config, { regex }: Grammars): Finding[] {
  return tap.filters.custom.flatMap(({ exe, strategy }, index) => {
    const problems = strategy === 'regex' ? (regex?.(exe) ?? []) : [];
    return problems.map(
      (problem): Finding => ({ ...problem, path: `tap.filters.custom[${index}].exe` }),
    );
  });
}

function place(
  { severity, path, offset, message, hint }: Finding,
  positions: ReadResult['positions'],
  texts: ReadonlyMap<string, Grammatical>,
  document: YamlDocument,
  file: string,
): Problem {
  const text = texts.get(path);
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
