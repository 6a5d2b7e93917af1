/**
 * Stands in for the protocol stage where events are lost: it knows where messages start, but after
 * a loss it numbers and pairs them as badly as it may. What the linker makes of that must still
 * not be wrong.
 */
import type { Connection } from '../../src/capture/types.ts';
import type { Linker } from '../../src/link/linker.ts';
import type { LinkNode } from '../../src/link/node.ts';
import type { Exchange } from '../../src/protocol/types.ts';
import { answer, dataEvent, exchange, type LooseExchange, RESPONSE_BYTES } from './builders.ts';
import type { Random } from './random.ts';
import { REQUEST_BYTES, type WireEvent } from './simulated-proxy.ts';

interface Stream {
  readonly open: LooseExchange[];
  readonly early: WireEvent[];
  requestNext: number;
  responseNext: number;
  /** 0 once a message was lost. */
  ordinal: number;
}

export class CarelessStage {
  readonly #linker: Linker;
  readonly #random: Random;
  readonly #streams = new Map<Connection, Stream>();

  constructor(linker: Linker, random: Random) {
    this.#linker = linker;
    this.#random = random;
  }

  event(event: WireEvent): void {
    const stream = this.#streamOf(event.connection);
    const bytes = event.isRequest ? REQUEST_BYTES : RESPONSE_BYTES;
    const { position, timeNs } = event;
    const isWrite = (event.role === 'client') === event.isRequest;
    const lenBytes = bytes * event.count;
    this.#linker.data(
      event.connection,
      dataEvent(event.connection, { isWrite, position, lenBytes, timeNs }),
    );
    if (event.isRequest) this.#requests(stream, event);
    else this.#response(stream, event);
  }

  /** Everything that is open ends with its connection. */
  finish(): void {
    for (const stream of this.#streams.values())
      for (const each of stream.open.splice(0)) this.#close(each);
  }

  #streamOf(socket: Connection): Stream {
    let stream = this.#streams.get(socket);
    if (stream === undefined) {
      stream = { open: [], early: [], requestNext: 0, responseNext: 0, ordinal: 1 };
      this.#streams.set(socket, stream);
      this.#linker.open(socket, 0, 1);
    }
    return stream;
  }

  #requests(stream: Stream, event: WireEvent): void {
    if (event.position > stream.requestNext) this.#loseRequest(stream, event.connection);
    for (let i = 0; i < event.count; i++) {
      const made = exchange({
        connection: event.connection,
        role: event.role,
        ordinal: stream.ordinal,
        startNs: event.timeNs + i,
        requestStart: event.position + i * REQUEST_BYTES,
        responseStart: stream.responseNext,
        cause: event.cause,
      });
      if (stream.ordinal > 0) stream.ordinal++;
      stream.requestNext = made.requestHeadEndPosition;
      stream.open.push(made);
      this.#linker.request(made as Exchange<LinkNode>);
      const response = stream.early.shift();
      if (response !== undefined) this.#pair(stream, response);
    }
  }

  #loseRequest(stream: Stream, socket: Connection): void {
    stream.ordinal = 0;
    if (this.#random.chance(0.5)) this.#linker.lost(socket, 1);
    if (this.#random.chance(0.5)) for (const each of stream.open.splice(0)) this.#close(each);
    if (this.#random.chance(0.5)) stream.early.length = 0;
  }

  #response(stream: Stream, event: WireEvent): void {
    const isGap = event.position > stream.responseNext;
    stream.responseNext = event.position + RESPONSE_BYTES;
    if (isGap) {
      stream.ordinal = 0;
      const oldest = this.#random.chance(0.5) ? stream.open.shift() : undefined;
      if (oldest !== undefined) this.#close(oldest);
    }
    if (stream.open.length > 0) this.#pair(stream, event);
    else stream.early.push(event);
  }

  #pair(stream: Stream, event: WireEvent): void {
    const oldest = stream.open.shift();
    if (oldest === undefined) return;
    oldest.responseStartPosition = event.position;
    this.#linker.end(answer(oldest, event.timeNs, event.status) as Exchange<LinkNode>);
  }

  #close(each: LooseExchange): void {
    each.end = 'lost';
    each.hasLoss = true;
    each.endNs = each.requestStartNs;
    this.#linker.end(each as Exchange<LinkNode>);
  }
}
