/**
 * The stacks of a configuration, compiled: what looks at an exchange, and which stack that is. The
 * file was checked before: what does not compile here is a mistake of this program.
 */
import type {
  CaptureRuleConfig,
  Config,
  HttpCaptureConfig,
  PluginConfig,
} from '../../config/file/types.ts';
import type { Level } from '../../config/levels.ts';
import { compileExpression, compileMacros, loadZones, type Macros } from '../expression.ts';
import type { Rule, RuleSet } from '../sets/rule-set.ts';

export type RecordFormat = 'json' | 'text';

/** `http_capture` of a stack. */
export interface Capture {
  readonly set: RuleSet;
  readonly format: RecordFormat;
  readonly isStoredAlways: boolean;
  /** Where records go; undefined: the first store. */
  readonly objectStore: { readonly id: string | undefined; readonly isDisabled: boolean };
}

/** `access_logs` and `debug`: a line for each exchange. */
export interface AccessLogs {
  /** Levels are modes here. */
  readonly set: RuleSet;
  readonly format: 'json' | 'console';
}

/** `report_usage`: an event for each exchange. */
export interface Usage {
  readonly tags: readonly string[];
  readonly headers: readonly string[];
}

export interface Stack {
  readonly name: string;
  readonly capture: Capture;
  readonly accessLogs: readonly AccessLogs[];
  readonly usages: readonly Usage[];
  /** `http_metrics`. */
  readonly hasMetrics: boolean;
}

export interface Stacks {
  readonly all: readonly Stack[];
  /** Index of the stack for what no endpoint names. */
  readonly standard: number;
  /** By host in lower case, without port. */
  readonly byHost: ReadonlyMap<string, number>;
  /** By name: a pod may ask for one (label tap.qpoint.io/stack). */
  readonly byName: ReadonlyMap<string, number>;
}

/** Exchanges of no stack: those of a file that names none, and those of stack `none`. */
const UNDECIDED = '';
const OFF = 'none';

/** `level`: of what no plugin http_capture decides (`capture.level`). */
export async function compileStacks(config: Config, level: Level): Promise<Stacks> {
  const macros = await readMacros(config);
  const plain = (name: string, atLevel: Level) => stackOf(name, [], atLevel, macros);
  // What no stack decides is counted, as without a file; a stack says it by its plugins.
  const all: Stack[] = [{ ...plain(UNDECIDED, level), hasMetrics: true }, plain(OFF, 'none')];
  for (const [name, { plugins }] of Object.entries(config.stacks)) {
    all.push(stackOf(name, plugins, level, macros));
  }
  const byName = new Map(all.map(({ name }, index) => [name, index]));
  const indexOf = (name: string | undefined) =>
    name === undefined ? 0 : (byName.get(name === '' ? OFF : name) ?? 0);
  const byHost = new Map<string, number>();
  for (const { domain, http } of config.tap.endpoints) {
    const host = domain.toLowerCase();
    if (!byHost.has(host)) byHost.set(host, indexOf(http.stack));
  }
  return { all, standard: indexOf(config.tap.http.stack), byHost, byName };
}

async function readMacros({ rulekit, stacks }: Config): Promise<Macros> {
  const rules = Object.values(stacks).flatMap(({ plugins }) => plugins.flatMap(rulesOf));
  await loadZones([...rulekit.macros, ...rules].map(({ expr }) => expr));
  const compiled = compileMacros(rulekit.macros);
  if (!compiled.ok) throw new Error(compiled.problems[0]?.problem.message);
  return compiled.macros;
}

function rulesOf(plugin: PluginConfig): readonly { readonly expr: string }[] {
  return 'config' in plugin && 'rules' in plugin.config ? plugin.config.rules : [];
}

function stackOf(
  name: string,
  plugins: readonly PluginConfig[],
  level: Level,
  macros: Macros,
): Stack {
  const captures = plugins.flatMap((plugin) =>
    plugin.type === 'http_capture' ? [captureOf(plugin.config, macros)] : [],
  );
  return {
    name,
    capture: captures[0] ?? undecided(level),
    accessLogs: plugins.flatMap((plugin) => accessLogsOf(plugin, macros)),
    usages: plugins.flatMap((plugin) => (plugin.type === 'report_usage' ? [plugin.config] : [])),
    hasMetrics: plugins.some(({ type }) => type === 'http_metrics'),
  };
}

function undecided(level: Level): Capture {
  return {
    set: { rules: [], options: { level, match: 'raise' } },
    format: 'json',
    isStoredAlways: false,
    objectStore: { id: undefined, isDisabled: true },
  };
}

function captureOf(config: HttpCaptureConfig, macros: Macros): Capture {
  const { level, match, format, store, objectStore } = config;
  const rules = config.rules.map((rule, index) => captureRule(rule, index, macros));
  return {
    set: { rules, options: { level, match } },
    format,
    isStoredAlways: store === 'always',
    objectStore: { id: objectStore.id, isDisabled: objectStore.disabled },
  };
}

function captureRule(rule: CaptureRuleConfig, index: number, macros: Macros): Rule {
  const { level = null, sample = null, format = null, store } = rule;
  return {
    ...named(rule, index, macros),
    level,
    sample,
    format,
    isStoredAlways: store === 'always',
  };
}

function accessLogsOf(plugin: PluginConfig, macros: Macros): AccessLogs[] {
  if (plugin.type !== 'access_logs' && plugin.type !== 'debug') return [];
  const { mode, format } = plugin.config;
  const rules = plugin.config.rules.map(
    (rule, index): Rule => ({
      ...named(rule, index, macros),
      level: rule.mode,
      sample: null,
      format: null,
      isStoredAlways: false,
    }),
  );
  return [{ set: { rules, options: { level: mode, match: 'first' } }, format }];
}

function named(
  { name, expr }: { readonly name: string; readonly expr: string },
  index: number,
  macros: Macros,
): Pick<Rule, 'name' | 'expression'> {
  const compiled = compileExpression(expr, macros);
  if (!compiled.ok) throw new Error(`${expr}: ${compiled.problem.message}`);
  return { name: name || String(index + 1), expression: compiled.rule };
}
