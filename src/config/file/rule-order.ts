/** Rules that can change nothing, as far as their texts show it. */
import { conjunctsOf } from './expression-words.ts';
import type { Finding } from './finding.ts';
import { join } from './path.ts';
import type { CaptureRuleConfig, Config, HttpCaptureConfig, PluginConfig } from './types.ts';

const LEVELS: readonly string[] = ['none', 'summary', 'details', 'full'];

export function checkRuleOrder(config: Config): Finding[] {
  return Object.entries(config.stacks).flatMap(([name, stack]) =>
    stack.plugins.flatMap((plugin, index) => {
      const path = `${join('stacks', name)}.plugins[${index}]`;
      return checkPlugin(plugin, `${path}.config.rules`);
    }),
  );
}

interface Rule {
  readonly name: string;
  readonly expr: string;
}

/** Earlier rules that match whenever a later one does, found by what they ask for. */
class Covers<R extends Rule> {
  /** By their first conjunct; '' for those that always match. */
  readonly #byConjunct = new Map<string, { rule: R; conjuncts: ReadonlySet<string> }[]>();

  /** The first that covers `rule` and that `accepts`. */
  find(rule: R, accepts: (earlier: R) => boolean): R | undefined {
    const own = conjunctsOf(rule.expr);
    for (const conjunct of ['', ...own]) {
      const cover = this.#byConjunct
        .get(conjunct)
        ?.find((earlier) => accepts(earlier.rule) && isSubset(earlier.conjuncts, own));
      if (cover !== undefined) return cover.rule;
    }
    return undefined;
  }

  add(rule: R): void {
    const conjuncts = conjunctsOf(rule.expr);
    const [first = ''] = conjuncts;
    const known = this.#byConjunct.get(first);
    if (known === undefined) this.#byConjunct.set(first, [{ rule, conjuncts }]);
    else known.push({ rule, conjuncts });
  }
}

function isSubset(part: ReadonlySet<string>, whole: ReadonlySet<string>): boolean {
  return [...part].every((item) => whole.has(item));
}

function checkPlugin(plugin: PluginConfig, path: string): Finding[] {
  switch (plugin.type) {
    case 'http_capture':
      return checkCaptureRules(plugin.config, path);
    case 'access_logs':
    case 'debug':
      return findShadowed(plugin.config.rules, path, () => true);
    default:
      return [];
  }
}

function checkCaptureRules({ rules, match }: HttpCaptureConfig, path: string): Finding[] {
  if (match === 'first') return findShadowed(rules, path, () => true);
  const ends = ({ level }: CaptureRuleConfig) => level === 'none';
  return [...findShadowed(rules, path, ends), ...findPowerless(rules, path)];
}

/** Rules that are never asked where they could match: an earlier one ends the evaluation. */
function findShadowed<R extends Rule>(
  rules: readonly R[],
  path: string,
  ends: (rule: R) => boolean,
): Finding[] {
  const covers = new Covers<R>();
  return rules.flatMap((rule, index): Finding[] => {
    const earlier = covers.find(rule, () => true);
    if (ends(rule)) covers.add(rule);
    if (earlier === undefined) return [];
    const who = nameOf(rules, earlier);
    const message = `unreachable: ${who} matches whenever this rule would, and ends the evaluation`;
    const hint = 'put it before that rule';
    return [{ severity: 'warning', path: `${path}[${index}].expr`, message, hint }];
  });
}

/** Rules that match only where an earlier one has raised the level as high already. */
function findPowerless(rules: readonly CaptureRuleConfig[], path: string): Finding[] {
  const covers = new Covers<CaptureRuleConfig>();
  return rules.flatMap((rule, index): Finding[] => {
    const { level, format, sample, store } = rule;
    const isLevelOnly = format === undefined && sample === undefined && store === undefined;
    const earlier = covers.find(rule, (other) => rank(other.level) >= rank(level));
    if (level === undefined || level === 'none') return [];
    covers.add(rule);
    if (!isLevelOnly || earlier === undefined) return [];
    const who = nameOf(rules, earlier);
    const message = `without effect: ${who} matches whenever this rule does, with level ${earlier.level}`;
    const hint = 'later rules can only raise the level';
    return [{ severity: 'warning', path: `${path}[${index}].expr`, message, hint }];
  });
}

function rank(level: string | undefined): number {
  return LEVELS.indexOf(level ?? '');
}

function nameOf<R extends Rule>(rules: readonly R[], rule: R): string {
  return rule.name === '' ? `rule ${rules.indexOf(rule) + 1}` : `rule "${rule.name}"`;
}
