/**
 * The command line: `spantap [run|validate|config|demo|doctor|record|replay] [flags]`, checked and
 * typed.
 * Throws AgentError `usage` for anything that is not understood.
 */

import { parseArgs } from 'node:util';
import { AgentError } from '../telemetry/agent-error.ts';
import type { FlagValues } from './file/overrides.ts';
import type { KeptLevel } from './levels.ts';
import { nearest } from './nearest.ts';
import { QTAP_FLAGS } from './qtap-flags.ts';

/** Which processes to watch; both empty means every process on this host. */
export interface Filters {
  /** Names, pids or paths of executables. */
  readonly processes: readonly string[];
  /** Watch the processes that listen on these ports. */
  readonly ports: readonly number[];
}

export interface LogOptions {
  readonly level: string;
  readonly encoding: 'console' | 'json';
}

export interface RunCommand {
  readonly command: 'run';
  /** The configuration file. */
  readonly config: string | undefined;
  /** Settings that were given, over those of the file. */
  readonly flags: FlagValues;
  /** File that receives all counters as one JSON object at exit. */
  readonly summaryJson: string | undefined;
}

export interface RecordCommand {
  readonly command: 'record';
  readonly file: string;
  readonly filters: Filters;
  readonly log: LogOptions;
  readonly bytesMax: number;
  readonly secondsMax: number;
}

export interface ReplayCommand {
  readonly command: 'replay';
  readonly file: string;
  readonly log: LogOptions;
  readonly level: KeptLevel;
}

export interface ValidateCommand {
  readonly command: 'validate';
  /** `-` is standard input. */
  readonly files: readonly string[];
}

export interface ConfigCommand {
  readonly command: 'config';
  readonly config: string | undefined;
  readonly flags: FlagValues;
}

export interface DoctorCommand {
  readonly command: 'doctor';
  readonly pid: number | undefined;
  /** Whose filters may leave the process out. */
  readonly config: string | undefined;
}

export type CommandLine =
  | RunCommand
  | ValidateCommand
  | ConfigCommand
  | RecordCommand
  | ReplayCommand
  | DoctorCommand
  | { readonly command: 'demo' }
  | { readonly command: 'help' }
  | { readonly command: 'version' };

const COMMANDS = ['run', 'validate', 'config', 'demo', 'doctor', 'record', 'replay'] as const;
type CommandName = (typeof COMMANDS)[number];

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];
const LEVELS = ['summary', 'details', 'full'];

const FLAGS = {
  config: { type: 'string' },
  process: { type: 'string', multiple: true },
  port: { type: 'string', multiple: true },
  level: { type: 'string' },
  'log-level': { type: 'string' },
  'log-encoding': { type: 'string' },
  'summary-json': { type: 'string' },
  'bytes-max': { type: 'string' },
  seconds: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;
type FlagName = keyof typeof FLAGS;

const LOG_FLAGS: readonly FlagName[] = ['log-level', 'log-encoding'];
const FLAGS_OF: Readonly<Record<CommandName, readonly FlagName[]>> = {
  run: ['config', 'process', 'port', 'level', 'summary-json', ...LOG_FLAGS],
  validate: [],
  config: ['config', 'process', 'port', 'level', ...LOG_FLAGS],
  record: ['process', 'port', 'bytes-max', 'seconds', ...LOG_FLAGS],
  replay: ['level', ...LOG_FLAGS],
  doctor: ['config'],
  demo: [],
};

const RECORD_BYTES_DEFAULT = 64 * 1024 * 1024;
const RECORD_SECONDS_DEFAULT = 60;

export const HELP = `spantap: the HTTP traffic of this host's proxies as OpenTelemetry spans

  spantap [run] [flags]       watch this host and export spans
  spantap validate FILE...    is this configuration right? exit 0 or 1
  spantap config [flags]      the whole configuration, and where each value comes from
  spantap demo                show it on a real nginx and a real HAProxy
  spantap doctor [PID]        what works here; why a process is not captured
  spantap record FILE [flags] write the raw event stream to FILE (not redacted)
  spantap replay FILE [flags] run a recording through the whole pipeline, without root

flags of run, config and doctor
  --config FILE               read this configuration (qtap.yaml, version 2)
flags of run, config and record
  --process NAME|PID|PATH     watch these processes only (repeatable)
  --port PORT                 watch the processes that listen on PORT only (repeatable)
flags of run, config and replay
  --level summary|details|full   what spans carry (default summary; headers from details on)
flags of run
  --summary-json FILE         write all counters to FILE at exit
flags of record
  --bytes-max N               stop after N bytes (default 64 MiB)
  --seconds N                 stop after N seconds (default 60)
all
  --log-level LEVEL           trace|debug|info|warn|error|silent (default info)
  --log-encoding console|json
  --help, --version

Order: defaults < file < environment < flags. docs/config/ explains the file.
Where spans go: the section otel, or the standard OTEL_* variables. OTEL_TRACES_EXPORTER=console|otlp|none decides; unset,
spans go to OTEL_EXPORTER_OTLP_ENDPOINT or to a collector on this host, else trees are printed.`;

export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { name, rest } = splitCommand(argv);
  const { values, positionals } = parseFlags(name, rest);
  if (values.help === true) return { command: 'help' };
  if (values.version === true) return { command: 'version' };
  switch (name) {
    case 'run':
      expectPositionals(name, positionals, 0);
      return {
        command: 'run',
        config: values.config,
        flags: flagsOf(values),
        summaryJson: values['summary-json'],
      };
    case 'validate':
      if (positionals.length === 0) expectPositionals(name, positionals, 1);
      return { command: 'validate', files: positionals };
    case 'config':
      expectPositionals(name, positionals, 0);
      return { command: 'config', config: values.config, flags: flagsOf(values) };
    case 'record':
      expectPositionals(name, positionals, 1);
      return {
        command: 'record',
        file: positionals[0] ?? '',
        filters: filtersOf(values),
        log: logOf(values),
        bytesMax: numberOf('bytes-max', values['bytes-max'], RECORD_BYTES_DEFAULT),
        secondsMax: numberOf('seconds', values.seconds, RECORD_SECONDS_DEFAULT),
      };
    case 'replay':
      expectPositionals(name, positionals, 1);
      return {
        command: 'replay',
        file: positionals[0] ?? '',
        log: logOf(values),
        level: levelOf(values),
      };
    case 'doctor':
      if (positionals.length > 1) expectPositionals(name, positionals, 1);
      return { command: 'doctor', pid: pidOf(positionals[0]), config: values.config };
    case 'demo':
      expectPositionals(name, positionals, 0);
      return { command: 'demo' };
  }
}

interface Values {
  config?: string;
  process?: string[];
  port?: string[];
  level?: string;
  'log-level'?: string;
  'log-encoding'?: string;
  'summary-json'?: string;
  'bytes-max'?: string;
  seconds?: string;
  help?: boolean;
  version?: boolean;
}

function splitCommand(argv: readonly string[]): { name: CommandName; rest: string[] } {
  const [first = '', ...rest] = argv;
  if (first === '' || first.startsWith('-')) return { name: 'run', rest: [...argv] };
  if (first === 'help') return { name: 'run', rest: ['--help'] };
  const name = COMMANDS.find((command) => command === first);
  if (name !== undefined) return { name, rest };
  throw usage(`unknown command "${first}"`, nearest(first, COMMANDS));
}

function parseFlags(
  name: CommandName,
  args: string[],
): { values: Values; positionals: readonly string[] } {
  const allowed = [...FLAGS_OF[name], 'help', 'version'];
  const { tokens } = parseArgs({ args, options: FLAGS, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind !== 'option' || allowed.includes(token.name)) continue;
    const instead = QTAP_FLAGS[token.name];
    if (instead !== undefined) {
      const what = `the flag ${token.rawName} of Qtap is not supported`;
      throw new AgentError('usage', { what, todo: instead });
    }
    const elsewhere = token.name in FLAGS ? ` for ${name}` : '';
    const hint = nearest(token.rawName.replace(/^-+/, ''), allowed);
    throw usage(`unknown flag ${token.rawName}${elsewhere}`, hint && `--${hint}`);
  }
  try {
    return parseArgs({ args, options: FLAGS, strict: true, allowPositionals: true });
  } catch (error) {
    throw usage(error instanceof Error ? firstSentence(error.message) : String(error));
  }
}

function firstSentence(message: string): string {
  return (message.split(/\. |\n/)[0] ?? message).replace(/\.$/, '');
}

function expectPositionals(name: CommandName, positionals: readonly string[], count: number): void {
  if (positionals.length === count) return;
  if (positionals.length < count) throw usage(`${name} needs the name of a file`);
  throw usage(`${name} does not know what to do with "${positionals[count] ?? ''}"`);
}

/** Only what was given: what was not is up to the file. */
function flagsOf(values: Values): FlagValues {
  const log = logOf(values);
  return {
    ...(values.process === undefined ? {} : { process: values.process }),
    ...(values.port === undefined ? {} : { port: filtersOf(values).ports }),
    ...(values.level === undefined ? {} : { level: levelOf(values) }),
    ...(values['log-level'] === undefined ? {} : { 'log-level': log.level }),
    ...(values['log-encoding'] === undefined ? {} : { 'log-encoding': log.encoding }),
  };
}

function filtersOf(values: Values): Filters {
  return {
    processes: values.process ?? [],
    ports: (values.port ?? []).map((text) => {
      const port = Number(text);
      if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
      throw usage(`--port ${text} is not a port number`);
    }),
  };
}

function logOf(values: Values): LogOptions {
  const encoding = values['log-encoding'] ?? 'console';
  if (encoding !== 'console' && encoding !== 'json')
    throw usage(`--log-encoding ${encoding} is neither console nor json`);
  return { level: choice('log-level', values['log-level'] ?? 'info', LOG_LEVELS), encoding };
}

function levelOf(values: Values): KeptLevel {
  return choice('level', values.level ?? 'summary', LEVELS) as KeptLevel;
}

function choice(flag: FlagName, text: string, allowed: readonly string[]): string {
  if (allowed.includes(text)) return text;
  throw usage(`--${flag} ${text} is not one of ${allowed.join(', ')}`, nearest(text, allowed));
}

function numberOf(flag: FlagName, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw usage(`--${flag} ${text} is not a positive number`);
}

function pidOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const pid = Number(text);
  if (Number.isInteger(pid) && pid > 0) return pid;
  throw usage(`doctor takes a process id, not "${text}"`);
}

function usage(what: string, suggestion?: string): AgentError {
  const todo =
    suggestion === undefined || suggestion === ''
      ? 'spantap --help lists commands and flags'
      : `did you mean ${suggestion}? spantap --help lists commands and flags`;
  return new AgentError('usage', { what, todo });
}
