/** Rules that can change nothing, as far as their texts show it. */
import { isCoveredBy, wordsOf } from './expression-words.ts';
import type { Finding } from './finding.ts';
import { join } from './path.ts';
import type { Grammatical } from './read-context.ts';
import type { CaptureRuleConfig, Config, PluginConfig } from './types.ts';

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

function checkPlugin(plugin: PluginConfig, path: string): Finding[] {
  switch (plugin.type) {
    case 'http_capture': {
      const { rules, match } = plugin.config;
      if (match === 'first') return findShadowed(rules, path, () => true);
      return [
        ...findShadowed(rules, path, ({ level }) => level === 'none'),
        ...findPowerless(rules, path),
      ];
    }
    case 'access_logs':
    case 'debug':
      return findShadowed(plugin.config.rules, path, () => true);
    default:
      return [];
  }
}

/** Rules that are never asked where they could match: an earlier one ends the evaluation. */
function findShadowed<R extends Rule>(
  rules: readonly R[],
  path: string,
  ends: (rule: R) => boolean,
): Finding[] {
  return rules.flatMap((rule, index): Finding[] => {
    const earlier = rules.findIndex(
      (other, at) => at < index && ends(other) && isCoveredBy(rule.expr, other.expr),
    );
    if (earlier < 0) return [];
    const message = `unreachable: ${nameOf(rules, earlier)} matches whenever this rule would, and ends the evaluation`;
    return [
      {
        severity: 'warning',
        path: `${path}[${index}].expr`,
        message,
        hint: 'put it before that rule',
      },
    ];
  });
}

/** Rules that match only where an earlier one has raised the level as high already. */
function findPowerless(rules: readonly CaptureRuleConfig[], path: string): Finding[] {
  return rules.flatMap((rule, index): Finding[] => {
    const { level, format, sample, store } = rule;
    const isLevelOnly = format === undefined && sample === undefined && store === undefined;
    if (!isLevelOnly || level === undefined || level === 'none') return [];
    const earlier = rules.findIndex(
      (other, at) =>
        at < index &&
        other.level !== 'none' &&
        rank(other.level) >= rank(level) &&
        isCoveredBy(rule.expr, other.expr),
    );
    if (earlier < 0) return [];
    const message = `without effect: ${nameOf(rules, earlier)} matches whenever this rule does, with level ${rules[earlier].level}`;
    return [
      {
        severity: 'warning',
        path: `${path}[${index}].expr`,
        message,
        hint: 'later rules can only raise the level',
      },
    ];
  });
}

function rank(level: string | undefined): number {
  return LEVELS.indexOf(level ?? '');
}

function nameOf(rules: readonly Rule[], index: number): string {
  const { name } = rules[index];
  return name === '' ? `rule ${index + 1}` : `rule "${name}"`;
}

/** Fields of responses (RFC 9110, RFC 6265, RFC 6797) that no client sends. */
const RESPONSE_ONLY = [
  'accept-ranges',
  'age',
  'allow',
  'etag',
  'location',
  'proxy-authenticate',
  'retry-after',
  'server',
  'set-cookie',
  'strict-transport-security',
  'vary',
  'www-authenticate',
];

const REQUEST_HEADERS = 'http.req.headers.';

/** `http.req.headers.retry-after`, as one of the guides has it, never matches. */
export function checkHeaderSides(expressions: readonly Grammatical[]): Finding[] {
  return expressions.flatMap(({ text, path }) =>
    wordsOf(text)
      .filter(({ text: name }) => {
        const field = name.toLowerCase();
        return field.startsWith(REQUEST_HEADERS) && RESPONSE_ONLY.includes(field.slice(17));
      })
      .map(({ text: name, offset }): Finding => {
        const message = `${name.slice(17)} is a header of responses; no request has it`;
        const hint = `http.res.headers.${name.slice(17)} is the field of the response`;
        return { severity: 'warning', path, offset, message, hint };
      }),
  );
}
