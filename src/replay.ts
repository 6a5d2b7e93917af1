/**
 * Replay: the pipeline on recorded events, in one thread, with the time of the recording. Notes in
 * the file stand for discovery, so nothing of this machine is read.
 */
import type { EventFileHead } from './capture/event-file.ts';
import { defaults } from './config/file/load.ts';
import type { KeptLevel } from './config/levels.ts';
import { limits } from './config/limits.ts';
import { Delivery } from './delivery.ts';
import type { Family } from './discover/types.ts';
import { type ClockSource, systemClock, WallClock } from './export/clock.ts';
import type { ResourceInfo } from './export/types.ts';
import type { ExchangeBatch, ObservedProcess } from './handoff/layout.ts';
import { allTraffic } from './handoff/traffic.ts';
import { Pipeline } from './pipeline.ts';
import { viewOf } from './process-views.ts';
import { StandardOutput } from './store/standard-output.ts';
import type { Counters } from './telemetry/counters.ts';
import type { Log } from './telemetry/log.ts';

export interface ReplayOptions {
  readonly head: EventFileHead;
  readonly counters: Counters;
  readonly level: KeptLevel;
  readonly log: Log;
}

/** What discovery said about one process when it was recorded. */
interface PlanNote {
  readonly kind: 'plan';
  readonly tgid: number;
  readonly family: Family;
  /** Absent in older recordings. */
  readonly hasProbes?: boolean;
  readonly resource: ResourceInfo['attributes'];
}

export class Replay {
  readonly pipeline: Pipeline;
  readonly #processes: ObservedProcess[] = [];
  /** Key: tgid; the last note holds (a pid may be reused within a recording). */
  readonly #resources = new Map<number, ResourceInfo>();
  /** By process index, as first asked for: export groups by object. */
  readonly #byIndex = new Map<number, ResourceInfo>();

  constructor(counters: Counters, log: Log, onBatch: (batch: ExchangeBatch) => void) {
    const nothing = () => undefined;
    this.pipeline = new Pipeline({
      counters,
      ownTgid: 0,
      traffic: allTraffic(0),
      ticksByEvents: true,
      onBatch,
      onProcess: (process) => {
        this.#processes[process.index] = process;
      },
      onAppeared: nothing,
      onExited: nothing,
      onOwnPeer: nothing,
      onLog: (level, message) => log[level](message),
      ignoreConnection: nothing,
      forgetConnection: () => false,
    });
  }

  note(value: unknown): void {
    if (!isPlanNote(value)) return;
    this.pipeline.setFamily(value.tgid, value.family, value.hasProbes === true);
    if (Object.keys(value.resource).length > 0) {
      this.#resources.set(value.tgid, { attributes: value.resource });
    }
  }

  resourceOf(index: number): ResourceInfo {
    const known = this.#byIndex.get(index);
    if (known !== undefined) return known;
    const { tgid, comm } = this.#processes[index];
    const fallback = { attributes: { 'service.name': comm, 'process.pid': tgid } };
    const resource = this.#resources.get(tgid) ?? fallback;
    this.#byIndex.set(index, resource);
    return resource;
  }
}

/** Connections are not reported in a replay. */
const NOBODY: ResourceInfo = { attributes: {} };

/** A replay that exports as `spantap run` does. */
export async function createReplay(
  options: ReplayOptions & { readonly env: NodeJS.ProcessEnv },
): Promise<{ replay: Replay; delivery: Delivery }> {
  const { head, counters, level, log, env } = options;
  const batches: { add: (batch: ExchangeBatch) => void } = { add: () => undefined };
  const replay = new Replay(counters, log, (batch) => batches.add(batch));
  const clock = new WallClock(clockOf(head));
  const resourceOf = (index: number) => replay.resourceOf(index);
  const config = defaults();
  const delivery = await Delivery.open({
    config: { ...config, capture: { ...config.capture, level } },
    env,
    context: {
      log,
      counters,
      clock,
      resourceOf,
      viewOf: (index) => viewOf(resourceOf(index)),
      processOf: () => viewOf(NOBODY),
      output: new StandardOutput({ bytesMax: limits.stdoutQueueBytesMax, log }),
    },
  });
  batches.add = (batch) => delivery.add(batch);
  return { replay, delivery };
}

/** This machine's clocks, moved to the moment of the recording. */
function clockOf(head: EventFileHead, source: ClockSource = systemClock): ClockSource {
  const monotonicShiftNs = BigInt(Math.round(head.monotonicNs)) - source.monotonicNs();
  const wallShiftMs = head.epochMs - source.wallMs();
  return {
    monotonicNs: () => source.monotonicNs() + monotonicShiftNs,
    wallMs: () => source.wallMs() + wallShiftMs,
  };
}

function isPlanNote(value: unknown): value is PlanNote {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'plan';
}
