/** `doctor` about the machine: kernel, BTF, capabilities, hooks. */
import type { HookFeature } from '../../native/types.ts';
import { AgentError } from '../../telemetry/agent-error.ts';
import { type Capability, checkRequirements, type HostState } from '../requirements.ts';
import { errorLine, hasBad, type Line, type Report, type Section } from './report.ts';

/** Error codes -> the line of the report that they belong to. */
const KERNEL_CODES = ['architecture', 'kernel_too_old', 'no_btf', 'bpf_lockdown', 'locked_memory'];
const RIGHTS_CODES = ['user_namespace', 'not_root', 'capability_missing', 'pid_namespace'];

/** What trying the hooks gave; undefined: not tried, because the requirements come first. */
export type HookTrial = readonly HookFeature[] | AgentError | undefined;

export function buildHostReport(state: HostState, trial: HookTrial): Report {
  const errors = checkRequirements(state);
  const sections = [
    kernelSection(state, errors),
    rightsSection(state, errors),
    hooksSection(trial),
  ];
  const isBad = hasBad(sections);
  return {
    sections,
    verdict: isBad ? 'The agent cannot run here.' : 'The agent can run here.',
    exitCode: isBad ? 1 : 0,
  };
}

function kernelSection(state: HostState, errors: readonly AgentError[]): Section {
  const broken = errors.filter(({ code }) => KERNEL_CODES.includes(code));
  const has = (code: string) => broken.some((error) => error.code === code);
  const lines: Line[] = [];
  if (!has('kernel_too_old') && !has('architecture')) {
    lines.push({ mark: 'good', text: `Linux ${state.kernelRelease}, ${state.arch}` });
  }
  if (!has('no_btf')) lines.push({ mark: 'good', text: 'BTF: the kernel describes its own types' });
  if (!has('bpf_lockdown') && state.lockdown !== undefined) {
    lines.push({ mark: 'good', text: `lockdown: ${state.lockdown}` });
  }
  return { title: 'Kernel', lines: [...lines, ...broken.map(errorLine)] };
}

function rightsSection(state: HostState, errors: readonly AgentError[]): Section {
  const broken = errors.filter(({ code }) => RIGHTS_CODES.includes(code));
  const names: Capability[] = [...state.capabilities];
  const lines: Line[] = [
    { mark: 'note', text: `user ${state.uid}, capabilities: ${names.join(', ') || 'none'}` },
  ];
  if (broken.length === 0) {
    lines.push({ mark: 'good', text: 'has the capabilities and sees the pids of the host' });
  }
  return { title: 'Rights', lines: [...lines, ...broken.map(errorLine)] };
}

function hooksSection(trial: HookTrial): Section {
  return { title: 'Hooks', lines: hookLines(trial) };
}

function hookLines(trial: HookTrial): readonly Line[] {
  if (trial === undefined) return [{ mark: 'note', text: 'not tried: the above comes first' }];
  return trial instanceof AgentError ? [errorLine(trial)] : trial.map(featureLine);
}

function featureLine({ name, isAvailable, isRequired, why }: HookFeature): Line {
  const reason = why === undefined ? '' : `: ${why}`;
  if (isAvailable) return { mark: 'good', text: `${name}${reason}` };
  return isRequired
    ? { mark: 'bad', text: `${name} is not available${reason}` }
    : { mark: 'limit', text: `${name} is not available${reason} (optional)` };
}
