/** `stacks`: names that mean something else, plugins that would not be asked. */
import type { Finding } from './finding.ts';
import { join } from './path.ts';
import type { Config, HttpCaptureConfig, PluginConfig } from './types.ts';

export function checkStackParts({ stacks }: Config): Finding[] {
  return Object.entries(stacks).flatMap(([name, { plugins }]) => {
    const path = join('stacks', name);
    return [
      ...checkName(name, path),
      ...checkCaptures(plugins, path),
      ...plugins.flatMap((plugin, index) => checkLevel(plugin, `${path}.plugins[${index}]`)),
    ];
  });
}

function checkName(name: string, path: string): Finding[] {
  if (name !== 'none' && name !== '') return [];
  const message = `a stack cannot be called "${name}": as tap.http.stack it means no stack`;
  return [{ severity: 'error', path, message }];
}

/** One decision for each exchange: the level of its span, and where its record goes. */
function checkCaptures(plugins: readonly PluginConfig[], path: string): Finding[] {
  const indexes = plugins.flatMap(({ type }, index) => (type === 'http_capture' ? [index] : []));
  return indexes.slice(1).map((index): Finding => {
    const message = 'a second http_capture in one stack is not supported';
    const hint = `put its rules into plugins[${indexes[0]}], or make another stack for some hosts`;
    return { severity: 'error', path: `${path}.plugins[${index}].type`, message, hint };
  });
}

/** Whether there are exchanges of which an http_capture makes a record. */
export function keepsAnything({ level, rules }: HttpCaptureConfig): boolean {
  return level !== 'none' || rules.some((rule) => (rule.level ?? 'none') !== 'none');
}

/** The default level is none, as in Qtap: easily a plugin that keeps nothing. */
function checkLevel(plugin: PluginConfig, path: string): Finding[] {
  if (plugin.type !== 'http_capture') return [];
  if (keepsAnything(plugin.config)) return [];
  const message = 'this plugin keeps nothing: its level is none, and no rule raises it';
  const hint = 'give it a level: summary, details or full';
  return [{ severity: 'warning', path: `${path}.type`, message, hint }];
}
