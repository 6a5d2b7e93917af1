/**
 * A connection as the kernel side records it: positions, turns and flags are kept the way
 * bpf/connection.h keeps them, so that tests only say who wrote what.
 */
import type { CloseEvent, Connection, DataEvent, Role } from '../../src/capture/types.ts';
import { dataEvent } from '../capture/events.ts';

const DATA_EOF = 1 << 0;
const DATA_ERROR = 1 << 1;
const DATA_CONTINUED = 1 << 3;
const DATA_TURN = 1 << 5;

export interface WireOptions {
  readonly role?: Role;
  readonly startSeen?: boolean;
  /** Which end this is, also when the agent has to find out. Default: the role. */
  readonly side?: 'server' | 'client';
}

export interface CallOptions {
  /** Bytes of the call that are copied; all when absent. */
  readonly copiedBytes?: number;
  /** Instead: only the last so many bytes are copied, as the kernel does beyond its limit. */
  readonly tailBytes?: number;
  readonly tid?: number;
  readonly goroutine?: number;
  readonly timeNs?: number;
  readonly cause?: Partial<DataEvent>;
}

const MS = 1e6;

export class Wire {
  readonly connection: Connection;
  /** In the order of the calls; a test may reorder, cut and drop them. */
  readonly events: DataEvent[] = [];
  /** Every call is this much later than the one before. */
  readonly stepNs: number = MS;
  nowNs = 1000 * MS;
  readonly side: 'server' | 'client';
  #readPosition = 0;
  #writePosition = 0;
  #turns = 0;
  #lastIsWrite: boolean | null = null;

  constructor(options: WireOptions = {}) {
    const role = options.role ?? 'server';
    this.side = options.side ?? (role === 'client' ? 'client' : 'server');
    this.connection = {
      id: 7,
      socketInode: 70,
      peerInode: 0,
      netnsInode: 1,
      family: 'ipv4',
      local: { address: '127.0.0.1', port: 8080 },
      remote: { address: '127.0.0.1', port: 40000 },
      process: { tgid: 100, startNs: 1, comm: 'nginx' },
      role,
      startSeen: options.startSeen ?? role !== 'unknown',
      readPosition: 0,
      writePosition: 0,
      speaks: 'http1',
      protocol: null,
    };
  }

  read(bytes: string | Buffer, options: CallOptions = {}): this {
    return this.#call(false, bytes, options);
  }

  write(bytes: string | Buffer, options: CallOptions = {}): this {
    return this.#call(true, bytes, options);
  }

  /** Bytes of the side that sends requests, whatever this end's role is. */
  request(bytes: string | Buffer, options: CallOptions = {}): this {
    return this.#call(this.side === 'client', bytes, options);
  }

  response(bytes: string | Buffer, options: CallOptions = {}): this {
    return this.#call(this.side !== 'client', bytes, options);
  }

  /** Filler: bytes that only their number is known of. */
  sendfile(lenBytes: number, options: CallOptions = {}): this {
    return this.write(Buffer.alloc(lenBytes), { ...options, copiedBytes: 0 });
  }

  eof(options: CallOptions = {}): this {
    return this.#empty(DATA_EOF, 0, false, options);
  }

  error(errno: number, isWrite: boolean, options: CallOptions = {}): this {
    return this.#empty(DATA_ERROR, errno, isWrite, options);
  }

  close(): CloseEvent {
    return {
      connectionId: this.connection.id,
      timeNs: this.nowNs + this.stepNs,
      tid: 100,
      readPosition: this.#readPosition,
      writePosition: this.#writePosition,
      turns: this.#turns,

      isStillOpen: false,
      isLate: false,
    };
  }

  #call(isWrite: boolean, data: string | Buffer, options: CallOptions): this {
    const payload = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    const isTurn = this.#lastIsWrite !== isWrite;
    if (isTurn) this.#turns++;
    this.#lastIsWrite = isWrite;
    const position = isWrite ? this.#writePosition : this.#readPosition;
    if (isWrite) this.#writePosition += payload.length;
    else this.#readPosition += payload.length;
    const copied = options.copiedBytes ?? payload.length;
    const tail = options.tailBytes === undefined ? null : payload.subarray(-options.tailBytes);
    const flags = isTurn ? DATA_TURN : 0;
    return this.#push(
      isWrite,
      position,
      payload.length,
      tail ?? payload.subarray(0, copied),
      flags,
      0,
      options,
    );
  }

  #empty(flags: number, error: number, isWrite: boolean, options: CallOptions): this {
    const position = isWrite ? this.#writePosition : this.#readPosition;
    return this.#push(isWrite, position, 0, Buffer.alloc(0), flags, error, options);
  }

  #push(
    isWrite: boolean,
    position: number,
    lenBytes: number,
    copied: Buffer,
    flags: number,
    error: number,
    options: CallOptions,
  ): this {
    this.nowNs = options.timeNs ?? this.nowNs + this.stepNs;
    // A tail stands where the payload would be, and counts as payload only when it is everything.
    const tailBytes = options.tailBytes ?? 0;
    const copiedBytes = tailBytes > 0 && tailBytes < lenBytes ? 0 : copied.length;
    const event = dataEvent({
      connectionId: this.connection.id,
      timeNs: this.nowNs,
      tgid: 100,
      tid: options.tid ?? 100,
      isWrite,
      position,
      lenBytes,
      copiedBytes,
      turn: this.#turns,
      flags,
      error,
      goroutine: options.goroutine ?? 0,
      bytes: copied,
      payloadEnd: copiedBytes,
      tailBytes,
    });
    this.events.push({ ...event, ...options.cause });
    return this;
  }
}

/** The event as two, cut before byte `at` of its bytes. */
export function cutEvent(event: DataEvent, at: number): [DataEvent, DataEvent] {
  const copied = Math.min(at, event.copiedBytes);
  const head = event.bytes.subarray(event.payloadStart, event.payloadStart + copied);
  const tail = event.bytes.subarray(event.payloadStart + copied, event.payloadEnd);
  return [
    {
      ...event,
      lenBytes: at,
      copiedBytes: copied,
      bytes: head,
      payloadStart: 0,
      payloadEnd: copied,
      tailBytes: 0,
    },
    {
      ...event,
      position: event.position + at,
      lenBytes: event.lenBytes - at,
      copiedBytes: event.copiedBytes - copied,
      bytes: tail,
      payloadStart: 0,
      payloadEnd: tail.length,
      tailBytes: 0,
      flags: (event.flags & ~DATA_TURN) | DATA_CONTINUED,
    },
  ];
}
