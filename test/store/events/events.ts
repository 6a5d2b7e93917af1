/** Builders of events and of what they are made of, and a sink that answers as a test tells it. */
import type { ConnectionReport } from '../../../src/handoff/messages.ts';
import type { EventOrigin } from '../../../src/store/events/connection-event.ts';
import type { EventProcess } from '../../../src/store/events/event-process.ts';
import type { EventSink, StoreEvent, WriteResult } from '../../../src/store/events/types.ts';

export const NOON_MS = Date.UTC(2026, 10, 21, 12);

export function eventOf(name: string, more: Partial<StoreEvent> = {}): StoreEvent {
  return {
    type: 'connection',
    timeMs: NOON_MS,
    item: { name },
    title: name,
    attributes: {},
    traceId: '',
    spanId: '',
    ...more,
  };
}

export function reportOf(more: Partial<ConnectionReport> = {}): ConnectionReport {
  return {
    connectionId: 7,
    part: 0,
    timeNs: 3e9,
    openedNs: 1e9,
    isStartSeen: true,
    isFinal: false,
    isEndLate: false,
    bytesReceived: -1,
    bytesSent: -1,
    tgid: 12,
    startNs: 5,
    comm: 'nginx',
    role: 'server',
    family: 'ipv4',
    localAddress: '10.0.0.1',
    localPort: 80,
    remoteAddress: '203.0.113.9',
    remotePort: 40_000,
    speaks: 'http1',
    ...more,
  };
}

export function processOf(more: Partial<EventProcess> = {}): EventProcess {
  return {
    pid: 12,
    exe: '/usr/sbin/nginx',
    name: 'nginx',
    user: 'www-data',
    userId: 33,
    container: undefined,
    pod: undefined,
    ...more,
  };
}

/** Monotonic time began at noon. */
export const ORIGIN: EventOrigin = {
  hostname: 'edge-1',
  agentInstance: 'a1',
  toUnixMs: (ns) => NOON_MS + ns / 1e6,
  isInternal: (address) => address.startsWith('10.'),
};

export const STORED: WriteResult = { kind: 'stored', rejected: 0, message: '' };

export class FakeSink implements EventSink {
  readonly target = 'a fake store';
  /** Texts of each call. */
  readonly writes: string[][] = [];
  /** Answers in order; the last one stays. */
  answers: (WriteResult | 'never')[] = [STORED];
  isClosed = false;
  #waiters: { count: number; resolve: () => void }[] = [];

  encode(event: StoreEvent): Uint8Array {
    return Buffer.from(event.title);
  }

  async write(events: readonly Uint8Array[], signal: AbortSignal): Promise<WriteResult> {
    this.writes.push(events.map((event) => Buffer.from(event).toString()));
    const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
    this.#waiters = this.#waiters.filter(({ count, resolve }) => {
      if (this.writes.length < count) return true;
      resolve();
      return false;
    });
    if (answer !== 'never') return answer ?? STORED;
    return new Promise((resolve) => {
      signal.addEventListener('abort', () =>
        resolve({ kind: 'retry', reason: 'closing', afterMs: undefined }),
      );
    });
  }

  /** Resolves when it was called so often. */
  async count(count: number): Promise<void> {
    if (this.writes.length >= count) return;
    await new Promise<void>((resolve) => this.#waiters.push({ count, resolve }));
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}
