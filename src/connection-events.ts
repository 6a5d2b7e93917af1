/** Reports of the capture worker, as events for a store: wired by the agent. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { ConnectionReport } from './handoff/messages.ts';
import type { ProcessView } from './process-views.ts';
import { isInternalText } from './rules/values/address.ts';
import {
  type ConnectionFacts,
  connectionEvent,
  type EventOrigin,
} from './store/events/connection-event.ts';
import type { StoreEvent } from './store/events/types.ts';

export interface ConnectionEventsParts {
  /** What is known of the process of a report. */
  readonly processOf: (report: ConnectionReport) => ProcessView;
  /** Unix milliseconds of a monotonic time in nanoseconds. */
  readonly toUnixMs: (timeNs: number) => number;
  readonly add: (event: StoreEvent) => void;
}

export class ConnectionEvents {
  readonly #parts: ConnectionEventsParts;
  readonly #origin: EventOrigin;

  constructor(parts: ConnectionEventsParts) {
    this.#parts = parts;
    this.#origin = {
      hostname: hostname(),
      agentInstance: randomUUID(),
      toUnixMs: parts.toUnixMs,
      isInternal: isInternalText,
    };
  }

  /** All reports of one message. */
  take(reports: readonly ConnectionReport[]): void {
    const { processOf, add } = this.#parts;
    for (const report of reports) {
      add(connectionEvent(report, factsOf(report, processOf(report)), this.#origin));
    }
  }
}

/** Rules, records and events say the same of a process. */
export function factsOf(report: ConnectionReport, view: ProcessView): ConnectionFacts {
  const { process, facts } = view;
  const userId = facts['src.process.user.id'];
  const { container, pod } = process;
  return {
    process: {
      pid: report.tgid,
      exe: process.exe,
      name: process.name || report.comm,
      user: String(facts['src.process.user.name'] ?? ''),
      userId: typeof userId === 'number' ? userId : undefined,
      container: container && { ...container, id: String(facts['src.container.id'] ?? '') },
      pod,
    },
    tags: tagsOf(view.tags),
  };
}

/** `key:value`, as Qtap's map of lists. */
function tagsOf(tags: readonly string[]): Record<string, string[]> {
  const map: Record<string, string[]> = {};
  for (const tag of tags) {
    const colon = tag.indexOf(':');
    const key = colon < 0 ? tag : tag.slice(0, colon);
    map[key] = [...(map[key] ?? []), colon < 0 ? '' : tag.slice(colon + 1)];
  }
  return map;
}
