/** `spantap run`: watch, export, say once a minute how it goes, and sum up at the end. */
import { writeFileSync } from 'node:fs';
import { Agent } from '../agent.ts';
import type { RunCommand } from '../config/command-line.ts';
import { findWithoutEffect } from '../config/file/effect.ts';
import type { Loaded } from '../config/file/load.ts';
import { formatProblem } from '../config/file/problem.ts';
import type { Config } from '../config/file/types.ts';
import { AgentError } from '../telemetry/agent-error.ts';
import { COUNTER_NAMES, type Counters } from '../telemetry/counters.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { formatStatus, formatSummary } from '../telemetry/status.ts';
import { formatProblems, readConfig } from './read-config.ts';
import { requireAll } from './require-all.ts';
import { untilSignal } from './signals.ts';

const STATUS_INTERVAL_MS = 60_000;

export async function run(line: RunCommand): Promise<number> {
  const loaded = await readConfig({ file: line.config, flags: line.flags, purpose: 'run' });
  const config = rightOrRefuse(loaded, line.config);
  requireAll();
  const log = createLog(config.telemetry.logs);
  reportFile(line.config, config, loaded, log);
  const agent = await Agent.start({
    config,
    log,
    env: { ...process.env, ...loaded.variables },
  });
  log.info(`watching ${agent.describe()}`);
  const status = setInterval(() => log.info(formatStatus(agent.counters())), STATUS_INTERVAL_MS);
  await untilSignal();
  clearInterval(status);
  await agent.stop();
  log.info(formatSummary(agent.counters()));
  if (line.summaryJson !== undefined) writeSummary(line.summaryJson, agent.counters());
  return 0;
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
function reportFile(
  file: string | undefined,
  config: Config,
  { origins, problems }: Loaded,
  log: Log,
): void {
  // Of variables (line 0), those who use them warn.
  for (const problem of problems.filter(({ line }) => line > 0)) {
    log.warn(formatProblem(problem).replaceAll('\n', ':'));
  }
  for (const { line, message } of findWithoutEffect(config, origins)) {
    log.warn(`${file}:${line}: no effect yet: ${message}`);
  }
  if (file !== undefined) log.info(`configuration ${file}`);
}

function writeSummary(path: string, counters: Counters): void {
  const values = Object.fromEntries(COUNTER_NAMES.map((name) => [name, counters.get(name)]));
  writeFileSync(path, `${JSON.stringify(values)}\n`);
}
