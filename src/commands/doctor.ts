/** `spantap doctor [PID]`: can the agent run here, and why is this process (not) captured. */
import type { CommandLine } from '../config/command-line.ts';
import { buildHostReport, type HookFeature } from '../discover/doctor/host-report.ts';
import { type RunningFacts, readProcessFacts } from '../discover/doctor/process-facts.ts';
import { buildProcessReport, type SeenTraffic } from '../discover/doctor/process-report.ts';
import { formatReport, type Report } from '../discover/doctor/report.ts';
import { Inspector } from '../discover/plan.ts';
import { readHostState } from '../discover/requirements.ts';
import { observe } from './observe.ts';

type DoctorCommand = Extract<CommandLine, { command: 'doctor' }>;

/** What needs the kernel side; each may be missing where it cannot be loaded. */
export interface DoctorProbes {
  /** Tries every kind of hook. @throws when the addon cannot be loaded */
  readonly features?: () => Promise<readonly HookFeature[]>;
  /** Captures one process for a few seconds. @throws AgentError */
  readonly observe?: (facts: RunningFacts) => Promise<SeenTraffic>;
}

/** How long a process is watched to tell what is seen of it. */
const OBSERVE_SECONDS = 3;

const PROBES: DoctorProbes = { observe: (facts) => observe(facts, OBSERVE_SECONDS) };

/** Prints one report; exit code 0: it works, 1: it does not. */
export async function doctor(line: DoctorCommand, probes = PROBES): Promise<number> {
  const host = await examineHost(probes);
  if (line.pid === undefined) return print(host);
  const facts = readProcessFacts(line.pid, new Inspector());
  const canObserve = host.exitCode === 0 && facts.kind === 'running' && !facts.isAgent;
  if (canObserve) process.stderr.write(`looking at process ${line.pid} for a moment ...\n`);
  const seen = canObserve ? await probes.observe?.(facts) : undefined;
  const report = buildProcessReport(facts, seen);
  if (host.exitCode === 0) return print(report);
  // The machine's own obstacles explain everything else.
  return print({ ...report, sections: [...host.sections, ...report.sections], exitCode: 1 });
}

async function examineHost({ features }: DoctorProbes): Promise<Report> {
  const state = readHostState();
  const missing = buildHostReport(state, undefined, 'the kernel side is not built');
  if (missing.exitCode === 1 || features === undefined) return missing;
  try {
    return buildHostReport(state, await features());
  } catch (error) {
    return buildHostReport(state, undefined, error instanceof Error ? error.message : `${error}`);
  }
}

function print(report: Report): number {
  process.stdout.write(`${formatReport(report)}\n`);
  return report.exitCode;
}
