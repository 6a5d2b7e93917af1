/** `spantap run`: watch, export, say once a minute how it goes, and sum up at the end. */
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, type Configured } from '../agent.ts';
import type { RunCommand } from '../config/command-line.ts';
import type { Loaded } from '../config/file/load.ts';
import { formatProblem, type Problem } from '../config/file/problem.ts';
import { needRestart } from '../config/file/restart.ts';
import type { Config } from '../config/file/types.ts';
import { AgentError } from '../telemetry/agent-error.ts';
import { COUNTER_NAMES, type Counters } from '../telemetry/counters.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { formatStatus, formatSummary } from '../telemetry/status.ts';
import { canChange, followFile } from './config-file.ts';
import { formatProblems, type ReadConfig, readConfig } from './read-config.ts';
import { requireAll } from './require-all.ts';
import { untilSignal } from './signals.ts';

/** Qtap's way to say --config. */
const QTAP_CONFIG = 'QPOINT_CONFIG';
const STATUS_INTERVAL_MS = 60_000;
/** A file that is not the same after this long is not written to its end. */
const WRITE_MS = 100;
/** Editors empty a file before they write it: one that stays empty is taken as it is. */
const LOOKS_MAX = 20;

export async function run(line: RunCommand): Promise<number> {
  const loaded = await load(line);
  const found = rightOrRefuse(loaded, line.config);
  const config = line.config === undefined ? withoutSpool(found) : found;
  requireAll();
  const log = createLog(config.telemetry.logs);
  reportFile(line.config, loaded, log);
  if (line.config === undefined && process.env[QTAP_CONFIG]) {
    log.warn(`${QTAP_CONFIG} is not read, there is no configuration file: give --config FILE`);
  }
  // From here on: one that comes while the agent starts ends it when it has started.
  // SIGHUP asks for the file again; without one it says that the terminal is gone.
  const asked = untilSignal(line.config === undefined ? ['SIGHUP'] : []);
  if (line.config !== undefined) process.on('SIGHUP', () => {});
  const agent = await Agent.start({ ...toConfigured(config, loaded), log });
  log.info(`watching ${agent.describe()}`);
  const status = setInterval(() => log.info(formatStatus(agent.counters())), STATUS_INTERVAL_MS);
  const changes = followChanges(line, agent, loaded, log);
  await asked;
  changes?.stop();
  clearInterval(status);
  await agent.stop();
  log.info(formatSummary(agent.counters()));
  if (line.summaryJson !== undefined) writeSummary(line.summaryJson, agent.counters());
  return 0;
}

function load({ config, flags }: RunCommand): Promise<ReadConfig> {
  return readConfig({ file: config, flags, purpose: 'run' });
}

/** A file that is being written looks like another one: read until it stays the same. */
async function loadWritten(line: RunCommand): Promise<ReadConfig> {
  let loaded = await load(line);
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    await delay(WRITE_MS);
    const again = await load(line);
    if (again.text === loaded.text && again.text?.trim() !== '') return again;
    loaded = again;
  }
  return loaded;
}

function toConfigured(config: Config, { variables, origins }: Loaded): Configured {
  return {
    config,
    env: { ...process.env, ...variables },
    isEndpointAsked: origins.has('telemetry.endpoint'),
  };
}

/**
 * A file as it was applied is not applied again, unless SIGHUP asks: what it names (certificates,
 * directories) may have changed.
 */
function followChanges(line: RunCommand, agent: Agent, atStart: ReadConfig, log: Log) {
  const { config: file } = line;
  if (file === undefined || !canChange(file)) return undefined;
  const started = rightOrRefuse(atStart, file);
  let applied = atStart.text;
  return followFile(file, async (isAsked) => {
    try {
      const loaded = await loadWritten(line);
      const isSame = loaded.text === applied;
      if (isSame && !isAsked) return;
      const config = rightOrRefuse(loaded, file);
      await agent.configure(toConfigured(config, loaded));
      applied = loaded.text;
      if (isSame) {
        log.info(`${file} is the same and applied again`);
        return;
      }
      reportFile(file, loaded, log);
      for (const path of needRestart(started, config)) {
        log.warn(`${file}: ${path} changed: it holds from the next start on`);
      }
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      applied = undefined;
      log.error(`${file} is not applied, the configuration before it holds: ${error.message}`);
    }
  });
}

function rightOrRefuse({ config, problems }: Loaded, file: string | undefined): Config {
  if (config !== undefined) return config;
  const errors = problems.filter(({ severity }) => severity === 'error');
  throw new AgentError('config', {
    what: `the configuration is wrong\n${formatProblems(errors)}`,
    ...(file === undefined ? {} : { todo: `spantap validate ${file} shows warnings too` }),
  });
}

/** What a person should know about the file before the first span. */
function reportFile(file: string | undefined, { problems, variables }: Loaded, log: Log): void {
  // Of variables (line 0), those who use them warn, unless they are given the file's instead.
  const isOurs = ({ line, file: name }: Problem) => line > 0 || Object.hasOwn(variables, name);
  for (const problem of problems.filter(isOurs)) {
    log.warn(formatProblem(problem).replaceAll('\n', ':'));
  }
  if (file !== undefined) log.info(`configuration ${file}`);
}

/** What outlives the process belongs to a configured agent: without a file no spans are put on disk. */
function withoutSpool(config: Config): Config {
  const { otel } = config;
  return { ...config, otel: { ...otel, spool: { ...otel.spool, enabled: false } } };
}

function writeSummary(path: string, counters: Counters): void {
  const values = Object.fromEntries(COUNTER_NAMES.map((name) => [name, counters.get(name)]));
  writeFileSync(path, `${JSON.stringify(values)}\n`);
}
