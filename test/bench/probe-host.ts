/**
 * The kernel side alone, as a process of its own: really attaches and detaches on command, and
 * drains and throws away what comes. What a proxy pays for being watched, without a pipeline that
 * competes with load and backends for the other core.
 *
 * One JSON command a line on stdin, one JSON answer a line on stdout:
 *   {"variant": "off"}                 everything detached, maps freed
 *   {"variant": "syscall", "pids": []} capture of these processes, linking probes off
 *   {"variant": "link", "pids": []}    as the agent links: families, uprobes, HAProxy by its
 *                                      structures as soon as they are found
 *   {"variant": "filtered"}            attached for others: the proxy is not wanted
 * with "watchAll" (every process of the host) and "bodyBytesMax".
 * The answer tells how long the change took and what was seen since the last one.
 */
import { createInterface } from 'node:readline';
import { KERNEL_DEFAULTS } from '../../src/config/kernel-defaults.ts';
import { Inspector } from '../../src/discover/plan.ts';
import { readProcess } from '../../src/discover/processes.ts';
import type { AttachPlan } from '../../src/discover/types.ts';
import { allTraffic } from '../../src/handoff/traffic.ts';
import { openKernel } from '../../src/native/binding.ts';
import type { Kernel } from '../../src/native/types.ts';

export type ProbeVariant = 'off' | 'syscall' | 'link' | 'filtered';

export interface ProbeCommand {
  readonly variant: ProbeVariant;
  readonly pids: readonly number[];
  readonly watchAll: boolean;
  readonly bodyBytesMax: number;
}

export interface ProbeAnswer {
  readonly event: 'set';
  readonly tookMs: number;
  /** Of the variant that this command ended. */
  readonly bytes: number;
  readonly events: number;
  readonly lost: number;
  readonly causeTaken: number;
  /** Probed instructions that the kernel must single-step, as program at path+offset. */
  readonly singleStepped: readonly string[];
}

/** Indexes of enum event_counter, bpf/event.h. */
const EVENTS = 0;
const LOST_RING_FULL = 1;
const CAUSE_TAKEN = 7;

const POLL_MS = 3;
const LOOKS_MAX = 50;
const batch = new Uint8Array(1024 * 1024);
const inspector = new Inspector();
let kernel: Kernel | undefined;
let bytes = 0;

function drain(): void {
  let length = 0;
  do {
    length = kernel?.drain(batch) ?? 0;
    bytes += length;
  } while (length > batch.length / 2);
  setTimeout(drain, POLL_MS);
}

function set(command: ProbeCommand): ProbeAnswer {
  const startMs = performance.now();
  const counters = kernel?.counters();
  kernel?.close();
  kernel = undefined;
  const opened = command.variant === 'off' ? undefined : open(command);
  const plans = opened ? attach(opened, command) : [];
  kernel = opened;
  const answer: ProbeAnswer = {
    event: 'set',
    tookMs: performance.now() - startMs,
    bytes,
    events: counters?.[EVENTS] ?? 0,
    lost: counters?.[LOST_RING_FULL] ?? 0,
    causeTaken: counters?.[CAUSE_TAKEN] ?? 0,
    singleStepped: plans.flatMap((plan) =>
      plan.uprobes
        .filter((site) => !site.isCheap)
        .map((site) => `${site.program} at ${site.path}+0x${site.offset.toString(16)}`),
    ),
  };
  bytes = 0;
  return answer;
}

function open(command: ProbeCommand): Kernel {
  return openKernel({
    watchAll: command.watchAll && command.variant !== 'filtered',
    ...KERNEL_DEFAULTS,
    traffic: allTraffic(command.bodyBytesMax),
  });
}

function attach(opened: Kernel, command: ProbeCommand): AttachPlan[] {
  opened.setPolicy(process.pid, { watch: 'ignore', family: 'other' });
  if (command.variant === 'filtered') return [];
  const isLinking = command.variant === 'link';
  const plans = command.pids
    .map((pid) => planOf(pid, isLinking))
    .filter((plan) => plan !== undefined);
  for (const plan of plans) apply(opened, plan, isLinking);
  return plans.filter(({ walk }) => walk === undefined);
}

/** The load runs: what is looked for is found in a few looks. */
function planOf(pid: number, isLinking: boolean): AttachPlan | undefined {
  const info = readProcess(pid);
  if (info === undefined) return undefined;
  if (isLinking) inspector.watch(info);
  for (let looks = 0; looks < LOOKS_MAX; looks++) if (inspector.walks.look().length > 0) break;
  return inspector.plan(info);
}

function apply(opened: Kernel, plan: AttachPlan, isLinking: boolean): void {
  const family = isLinking && plan.family !== 'apache' ? plan.family : 'other';
  opened.setPolicy(plan.tgid, { watch: 'watch', family });
  if (plan.maySplice === true) opened.followSplices();
  if (!isLinking) return;
  if (plan.walk !== undefined) {
    const { number, layout, code } = plan.walk;
    opened.setWalk(number, layout, true);
    opened.offerWalk(plan.tgid, number, code);
    opened.walkAlone(number);
    return;
  }
  for (const site of plan.uprobes) {
    opened.attachUprobe(site.program, site.path, site.offset, site.isReturn);
  }
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => say(set(JSON.parse(line) as ProbeCommand)));
commands.on('close', () => process.exit(0));
drain();
say({ event: 'start' });
