/** Feeds the simulated proxy's events as bytes through the real HTTP/1 stage into a linker. */
import { unseenClose } from '../../src/capture/connections.ts';
import type { Connection } from '../../src/capture/types.ts';
import type { Linker } from '../../src/link/linker.ts';
import type { LinkNode } from '../../src/link/node.ts';
import { Http1Stage } from '../../src/protocol/http1/stage.ts';
import type { Cause } from '../../src/protocol/types.ts';
import type { Counters } from '../../src/telemetry/counters.ts';
import { dataEvent, head, RESPONSE_BYTES } from './builders.ts';
import type { WireEvent } from './simulated-proxy.ts';

const REQUEST = head('GET / HTTP/1.1').bytes;

function responseOf(status: number): Buffer {
  const start = head(`HTTP/1.1 ${status} X`, { 'Content-Length': '00' }).bytes;
  const bodyBytes = RESPONSE_BYTES - start.length;
  const { bytes } = head(`HTTP/1.1 ${status} X`, { 'Content-Length': `${bodyBytes}` });
  return Buffer.concat([bytes, Buffer.alloc(bodyBytes, 'x')]);
}

/** What the kernel says of an event beyond its bytes; `turn` as counted when it happened. */
export interface Stamped {
  readonly event: WireEvent;
  readonly turn: number;
}

export class WireStage {
  readonly #linker: Linker;
  readonly #http1: Http1Stage<LinkNode>;
  readonly #open = new Set<Connection>();

  constructor(linker: Linker, counters: Counters) {
    this.#linker = linker;
    this.#http1 = new Http1Stage<LinkNode>(linker, { counters });
  }

  event({ event, turn }: Stamped): void {
    const { connection: socket, cause } = event;
    if (!this.#open.has(socket)) {
      this.#open.add(socket);
      this.#linker.open(socket, event.timeNs, 1);
      this.#http1.open(socket, event.timeNs);
    }
    const message = event.isRequest ? REQUEST : responseOf(event.status);
    const bytes = Buffer.concat(Array.from({ length: event.count }, () => message));
    const data = dataEvent(socket, {
      isWrite: (event.role === 'client') === event.isRequest,
      position: event.position,
      lenBytes: bytes.length,
      copiedBytes: bytes.length,
      timeNs: event.timeNs,
      turn,
      bytes,
      payloadStart: 0,
      payloadEnd: bytes.length,
      tailBytes: 0,
      ...stampOf(cause),
    });
    this.#linker.data(socket, data);
    this.#http1.data(socket, data);
  }

  finish(timeNs: number): void {
    for (const socket of this.#open) {
      const event = unseenClose(socket.id, timeNs);
      this.#http1.close(socket, event);
      this.#linker.close(socket, event);
    }
    this.#http1.finish(timeNs);
  }
}

/** `enum event_cause` and `enum event_cause_flag`. */
function stampOf(cause: Cause | null) {
  if (cause === null) return {};
  return {
    cause: 1,
    causeFlags: (cause.isSubrequest ? 1 : 0) | (cause.isNoIngress ? 4 : 0),
    causeConnectionId: cause.connectionId,
    causeReadPosition: cause.readPosition,
    causeWritePosition: cause.writePosition,
  };
}

/** Numbers the direction turns of each connection, in the order in which things happened. */
export function withTurns(events: readonly WireEvent[]): Stamped[] {
  const turns = new Map<Connection, { turn: number; isRequest: boolean | null }>();
  return events
    .toSorted((a, b) => a.timeNs - b.timeNs)
    .map((event) => {
      const state = turns.get(event.connection) ?? { turn: 0, isRequest: null };
      if (state.isRequest !== event.isRequest) state.turn++;
      state.isRequest = event.isRequest;
      turns.set(event.connection, state);
      return { event, turn: state.turn };
    });
}
