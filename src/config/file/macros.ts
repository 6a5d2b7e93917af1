/** `rulekit.macros`: names, calls and cycles. */
import { nearest } from '../nearest.ts';
import { wordsOf } from './expression-words.ts';
import type { Finding } from './finding.ts';
import type { Grammatical } from './read-context.ts';
import type { Config, MacroConfig } from './types.ts';

const NAMES_SHOWN = 20;

/** Functions that rules know without a macro. */
const FUNCTIONS: readonly string[] = ['starts_with', 'zone', 'in_zone'];

export function checkMacros(config: Config, expressions: readonly Grammatical[]): Finding[] {
  const { macros } = config.rulekit;
  return [
    ...checkNames(macros),
    ...checkCalls(macros, expressions),
    ...findCycles(macros),
    ...findUnused(macros, expressions),
  ];
}

const pathOf = (index: number, key: string) => `rulekit.macros[${index}].${key}`;

function checkNames(macros: readonly MacroConfig[]): Finding[] {
  const seen = new Set<string>();
  return macros.flatMap(({ name }, index): Finding[] => {
    const path = pathOf(index, 'name');
    if (FUNCTIONS.includes(name)) {
      return [{ severity: 'error', path, message: `"${name}" is the name of a function` }];
    }
    const isTwice = seen.has(name);
    seen.add(name);
    return isTwice ? [{ severity: 'error', path, message: `"${name}" is there twice` }] : [];
  });
}

function checkCalls(
  macros: readonly MacroConfig[],
  expressions: readonly Grammatical[],
): Finding[] {
  const names = [...macros.map(({ name }) => name), ...FUNCTIONS];
  const known = new Set(names);
  return expressions.flatMap(({ text, path }) =>
    wordsOf(text)
      .filter((word) => word.kind === 'call' && !known.has(word.text))
      .map((call): Finding => {
        const near = nearest(call.text, names);
        const hint = `${near === undefined ? '' : `did you mean ${near}()? `}known: ${names.slice(0, NAMES_SHOWN).join(', ')}`;
        const message = `no macro or function "${call.text}"`;
        return { severity: 'error', path, offset: call.offset, message, hint };
      }),
  );
}

/** One finding for each cycle, at the call that closes it. */
function findCycles(macros: readonly MacroConfig[]): Finding[] {
  const indexes = new Map(macros.map(({ name }, index) => [name, index]));
  const isDone = new Set<number>();
  const findings: Finding[] = [];
  const visit = (index: number, trail: readonly number[]): void => {
    if (isDone.has(index)) return;
    for (const call of wordsOf(macros[index].expr)) {
      const target = call.kind === 'call' ? indexes.get(call.text) : undefined;
      if (target === undefined) continue;
      const way = [...trail, index];
      if (!way.includes(target)) visit(target, way);
      else findings.push(cycle(macros, way.slice(way.indexOf(target)), call.offset));
    }
    isDone.add(index);
  };
  for (const index of macros.keys()) visit(index, []);
  return findings;
}

function cycle(macros: readonly MacroConfig[], way: readonly number[], offset: number): Finding {
  const names = [...way, way[0]].map((index) => `${macros[index].name}()`);
  const last = way[way.length - 1];
  const message = `macros call each other in a circle: ${names.join(' -> ')}`;
  return { severity: 'error', path: pathOf(last, 'expr'), offset, message };
}

function findUnused(
  macros: readonly MacroConfig[],
  expressions: readonly Grammatical[],
): Finding[] {
  const calls = new Set(
    expressions.flatMap(({ text }) =>
      wordsOf(text).flatMap((word) => (word.kind === 'call' ? [word.text] : [])),
    ),
  );
  return macros.flatMap(({ name }, index): Finding[] => {
    if (calls.has(name)) return [];
    const message = `no rule calls the macro ${name}()`;
    return [{ severity: 'warning', path: pathOf(index, 'name'), message }];
  });
}
