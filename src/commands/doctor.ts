/** `spantap doctor [PID]`: can the agent run here, and why is this process (not) captured. */
import type { DoctorCommand } from '../config/command-line.ts';
import type { Config } from '../config/file/types.ts';
import { configuredSection } from '../discover/doctor/configured.ts';
import { buildHostReport, type HookTrial } from '../discover/doctor/host-report.ts';
import {
  type ProcessFacts,
  type RunningFacts,
  readProcessFacts,
} from '../discover/doctor/process-facts.ts';
import { buildProcessReport, type SeenTraffic } from '../discover/doctor/process-report.ts';
import { formatReport, type Report, type Section } from '../discover/doctor/report.ts';
import { Inspector } from '../discover/plan.ts';
import { listProcesses } from '../discover/processes.ts';
import { checkRequirements, readHostState } from '../discover/requirements.ts';
import { currentTargets } from '../discover/targets.ts';
import { probeFeatures } from '../native/binding.ts';
import { exclusionsOf } from '../process-filters.ts';
import { AgentError } from '../telemetry/agent-error.ts';
import { observe } from './observe.ts';
import { formatProblems, readConfig } from './read-config.ts';

/** How long a process is watched to tell what is seen of it. */
const OBSERVE_SECONDS = 3;

/** Prints one report; exit code 0: it works, 1: it does not. */
export async function doctor({ pid, config: file }: DoctorCommand): Promise<number> {
  const { config, problems } = await readConfig({ file, flags: {}, purpose: 'look' });
  if (config === undefined) {
    process.stderr.write(`${formatProblems(problems)}\n`);
    return 1;
  }
  const host = examineHost();
  if (pid === undefined) return print(host);
  const exclusions = exclusionsOf(config);
  const inspector = new Inspector();
  const facts = readProcessFacts(pid, { inspector, exclusions });
  const configured = facts.kind === 'running' ? configuredFor(facts, config) : undefined;
  if (host.exitCode === 0) {
    const seen = await look(facts, config, inspector);
    return print(buildProcessReport(facts, seen, configured));
  }
  // The machine's own obstacles explain everything else.
  const report = buildProcessReport(facts, undefined, configured);
  return print({ ...host, sections: [...host.sections, ...report.sections] });
}

function configuredFor({ info, sockets }: RunningFacts, config: Config): Section {
  const targets = currentTargets(config.capture, listProcesses());
  const isTarget = targets.some(({ pid }) => pid === info.pid);
  return configuredSection({ config, isTarget, sockets });
}

function examineHost(): Report {
  const state = readHostState();
  return buildHostReport(state, checkRequirements(state).length > 0 ? undefined : tryHooks());
}

function tryHooks(): HookTrial {
  try {
    return probeFeatures();
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
}

async function look(
  facts: ProcessFacts,
  { tap }: Config,
  inspector: Inspector,
): Promise<SeenTraffic | AgentError | undefined> {
  if (facts.kind !== 'running' || facts.isAgent || facts.leftOutBy !== undefined) return undefined;
  process.stderr.write(`looking at process ${facts.info.pid} for ${OBSERVE_SECONDS} s ...\n`);
  try {
    return await observe(facts, { tap, seconds: OBSERVE_SECONDS, inspector });
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
}

function print(report: Report): number {
  process.stdout.write(`${formatReport(report)}\n`);
  return report.exitCode;
}
