/** A short capture of one process alone, for `spantap doctor PID`: what is seen of it, no spans. */
import { setTimeout as delay } from 'node:timers/promises';
import { CaptureThread } from '../capture-thread.ts';
import type { TapConfig } from '../config/file/types.ts';
import { KERNEL_DEFAULTS } from '../config/kernel-defaults.ts';
import type { RunningFacts } from '../discover/doctor/process-facts.ts';
import type { SeenTraffic } from '../discover/doctor/process-report.ts';
import { ExchangeView } from '../handoff/batch.ts';
import type { ExchangeBatch } from '../handoff/layout.ts';
import { allTraffic } from '../handoff/traffic.ts';
import { Counters } from '../telemetry/counters.ts';
import { excludedOf } from '../traffic.ts';
import type { WorkerOptions } from '../worker.ts';

/** Watches the process for some seconds, but for what `tap` leaves out. @throws AgentError when the kernel side cannot be loaded */
export async function observe(
  facts: RunningFacts,
  tap: TapConfig,
  seconds: number,
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
  await delay(seconds * 1000);
  await thread.stop();
  return traffic.result(seconds, counters);
}

function ignore(): void {}

function workerOptions(facts: RunningFacts, tap: TapConfig): WorkerOptions {
  const { tgid, family, executableKey, uprobes, maySplice } = facts.plan;
  const plan = { tgid, family, executableKey, uprobes, maySplice } as const;
  return {
    kernel: {
      watchAll: false,
      ...KERNEL_DEFAULTS,
    },
    pipeline: { ownTgid: process.pid },
    traffic: { ...allTraffic(0), excluded: excludedOf(tap) },
    plans: [{ kind: 'plan', ...plan, watch: 'watch', resource: {} }],
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
