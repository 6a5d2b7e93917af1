/** A short capture of one process alone, for `spantap doctor PID`: what is seen of it, no spans. */
import { setTimeout as delay } from 'node:timers/promises';
import { CaptureThread } from '../capture-thread.ts';
import type { TapConfig } from '../config/file/types.ts';
import { KERNEL_DEFAULTS } from '../config/kernel-defaults.ts';
import type { RunningFacts } from '../discover/doctor/process-facts.ts';
import type { SeenTraffic } from '../discover/doctor/process-report.ts';
import type { Inspector } from '../discover/plan.ts';
import type { AttachPlan } from '../discover/types.ts';
import { ExchangeView } from '../handoff/batch.ts';
import type { ExchangeBatch } from '../handoff/layout.ts';
import type { PlanMessage } from '../handoff/messages.ts';
import { planMessage } from '../handoff/plan-message.ts';
import { allTraffic } from '../handoff/traffic.ts';
import { Counters } from '../telemetry/counters.ts';
import { excludedOf } from '../traffic.ts';
import type { WorkerOptions } from '../worker.ts';

const LOOK_INTERVAL_MS = 500;

export interface ObserveOptions {
  /** What it leaves out of the traffic is not captured. */
  readonly tap: TapConfig;
  readonly seconds: number;
  readonly inspector: Inspector;
}

/** Watches the process for some seconds. @throws AgentError when the kernel side cannot be loaded */
export async function observe(
  facts: RunningFacts,
  { tap, seconds, inspector }: ObserveOptions,
): Promise<SeenTraffic> {
  const traffic = new Traffic();
  let counters = new Counters();
  const thread = await CaptureThread.start(workerOptions(facts, tap), {
    batch: ({ batch }) => traffic.add(batch),
    counters: ({ values }) => {
      counters = new Counters(values);
    },
    process: ignore,
    appeared: ignore,
    connections: ignore,
    exited: ignore,
    'own-peer': ignore,
    log: ignore,
    unavailable: ({ what, why }) => traffic.unavailable.push(`${what}: ${why}`),
  });
  const looks = lookInto(facts, inspector, thread);
  await delay(seconds * 1000);
  clearInterval(looks);
  await thread.stop();
  return { ...traffic.result(seconds, counters), ...haproxyOf(facts, inspector, counters) };
}

/** HAProxy: its structures are looked for as the agent does it, and used when they are found. */
function lookInto(
  { info }: RunningFacts,
  inspector: Inspector,
  thread: CaptureThread,
): NodeJS.Timeout {
  inspector.watch(info);
  return setInterval(() => {
    if (inspector.walks.look().length > 0) thread.plan(messageOf(inspector.plan(info)));
  }, LOOK_INTERVAL_MS);
}

function haproxyOf(
  { executable }: RunningFacts,
  { walks }: Inspector,
  counters: Counters,
): Pick<SeenTraffic, 'haproxy'> {
  const walk = executable && walks.describe(executable);
  if (walk === undefined) return {};
  const walked = counters.get('link.haproxy_walked');
  const isRefuted = counters.get('link.haproxy_walk_refuted') > 0;
  return { haproxy: { ...walk, walked, isRefuted } };
}

function messageOf(plan: AttachPlan): PlanMessage {
  return planMessage({ ...plan, watch: 'watch' });
}

function ignore(): void {}

function workerOptions(facts: RunningFacts, tap: TapConfig): WorkerOptions {
  return {
    kernel: {
      watchAll: false,
      ...KERNEL_DEFAULTS,
    },
    pipeline: { ownTgid: process.pid },
    traffic: { ...allTraffic(0), excluded: excludedOf(tap) },
    plans: [messageOf(facts.plan)],
  };
}

class Traffic {
  readonly unavailable: string[] = [];
  readonly #view = new ExchangeView();
  readonly #connections = new Set<number>();
  readonly #linksByTier = new Map<string, number>();
  #exchanges = 0;

  add(batch: ExchangeBatch): void {
    const view = this.#view;
    for (view.open(batch); view.next(); ) {
      this.#exchanges += 1;
      this.#connections.add(view.connectionId);
      if (!view.isClient) continue;
      this.#linksByTier.set(view.tier, (this.#linksByTier.get(view.tier) ?? 0) + 1);
    }
  }

  result(seconds: number, counters: Counters): SeenTraffic {
    const others = {
      'HTTP/2': counters.get('protocol.http2_connections'),
      'something else (TLS, or no HTTP)':
        counters.get('kernel.skipped_not_http') + counters.get('protocol.ignored_connections'),
    };
    return {
      seconds,
      connections: this.#connections.size,
      exchanges: this.#exchanges,
      linksByTier: Object.fromEntries(this.#linksByTier),
      otherProtocols: Object.fromEntries(Object.entries(others).filter(([, count]) => count > 0)),
      unavailable: this.unavailable,
    };
  }
}
