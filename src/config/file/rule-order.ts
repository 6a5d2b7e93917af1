/** Rules that can change nothing, as the rules stage finds them. */
import type { Finding, Grammars, OrderedRule, RuleOrder } from './finding.ts';
import { join } from './path.ts';
import type { Config, PluginConfig } from './types.ts';

export function checkRuleOrder(config: Config, { unreachable }: Grammars): Finding[] {
  if (unreachable === undefined) return [];
  const find = unreachable(config.rulekit.macros);
  return Object.entries(config.stacks).flatMap(([name, stack]) =>
    stack.plugins.flatMap((plugin, index) => {
      const path = `${join('stacks', name)}.plugins[${index}].config.rules`;
      return find(orderOf(plugin)).map(({ index: rule, why }): Finding => {
        const message = `this rule ${why}`;
        return { severity: 'warning', path: `${path}[${rule}].expr`, message };
      });
    }),
  );
}

function orderOf(plugin: PluginConfig): RuleOrder {
  switch (plugin.type) {
    case 'http_capture': {
      const { rules, match, level } = plugin.config;
      return { match, level, rules: rules.map(named) };
    }
    case 'access_logs':
    case 'debug': {
      const { rules, mode } = plugin.config;
      const ordered = rules.map((rule) => ({ ...rule, level: rule.mode }));
      return { match: 'first', level: mode, rules: ordered.map(named) };
    }
    default:
      return { match: 'first', level: 'none', rules: [] };
  }
}

function named(rule: OrderedRule, index: number): OrderedRule {
  return { ...rule, name: rule.name === '' ? `${index + 1}` : rule.name };
}
