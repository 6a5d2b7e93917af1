/** Reports of the capture worker, as events for a store: wired by the agent. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { WallClock } from './export/clock.ts';
import type { ConnectionReport } from './handoff/messages.ts';
import {
  type ConnectionFacts,
  connectionEvent,
  type EventOrigin,
} from './store/events/connection-event.ts';
import type { EventProcess } from './store/events/event-process.ts';
import type { StoreEvent } from './store/events/types.ts';

export interface ConnectionEventsParts {
  readonly clock: WallClock;
  /** What is known of the process of a report. */
  readonly factsOf: (report: ConnectionReport) => ConnectionFacts;
  readonly add: (event: StoreEvent) => void;
}

export class ConnectionEvents {
  readonly #parts: ConnectionEventsParts;
  readonly #origin: EventOrigin;

  constructor(parts: ConnectionEventsParts) {
    const { clock } = parts;
    this.#parts = parts;
    this.#origin = {
      hostname: hostname(),
      agentInstance: randomUUID(),
      toUnixMs: (ns) => (ns + Number(clock.at(ns).ns)) / 1e6,
    };
  }

  /** All reports of one message. */
  take(reports: readonly ConnectionReport[]): void {
    const { factsOf, add } = this.#parts;
    for (const report of reports) add(connectionEvent(report, factsOf(report), this.#origin));
  }
}

type Attributes = Readonly<Record<string, unknown>>;

/** The process as its Resource names it (semantic conventions: process, container, k8s). */
export function processOf({ tgid, comm }: ConnectionReport, attributes: Attributes): EventProcess {
  const text = (name: string): string => {
    const value = attributes[name];
    return typeof value === 'string' ? value : '';
  };
  const userId = attributes['process.user.id'];
  const container = {
    id: text('container.id'),
    name: text('container.name'),
    image: text('container.image.name'),
  };
  const pod = { name: text('k8s.pod.name'), namespace: text('k8s.namespace.name') };
  return {
    pid: tgid,
    exe: text('process.executable.path'),
    name: text('process.executable.name') || comm,
    user: text('process.owner'),
    userId: typeof userId === 'number' ? userId : undefined,
    container: container.id === '' && container.name === '' ? undefined : container,
    pod: pod.name === '' ? undefined : pod,
  };
}
