/** `spantap run`: watch, export, say once a minute how it goes, and sum up at the end. */
import { writeFileSync } from 'node:fs';
import { Agent } from '../agent.ts';
import type { RunCommand } from '../config/command-line.ts';
import { COUNTER_NAMES, type Counters } from '../telemetry/counters.ts';
import { createLog } from '../telemetry/log.ts';
import { formatStatus, formatSummary } from '../telemetry/status.ts';
import { requireAll } from './require-all.ts';
import { untilSignal } from './signals.ts';

const STATUS_INTERVAL_MS = 60_000;

export async function run(line: RunCommand): Promise<number> {
  requireAll();
  const log = createLog(line.log);
  const { filters, level } = line;
  const agent = await Agent.start({ filters, level, log, env: process.env });
  log.info(`watching ${agent.describe()}`);
  const status = setInterval(() => log.info(formatStatus(agent.counters())), STATUS_INTERVAL_MS);
  await untilSignal();
  clearInterval(status);
  await agent.stop();
  log.info(formatSummary(agent.counters()));
  if (line.summaryJson !== undefined) writeSummary(line.summaryJson, agent.counters());
  return 0;
}

function writeSummary(path: string, counters: Counters): void {
  const values = Object.fromEntries(COUNTER_NAMES.map((name) => [name, counters.get(name)]));
  writeFileSync(path, `${JSON.stringify(values)}\n`);
}
