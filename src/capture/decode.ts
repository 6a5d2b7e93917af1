/**
 * Raw records in, decoded events out: the only reader of raw offsets. A batch is what the kernel's
 * ring held (bpf/event.h), drained or from a recorded file; records are multiples of 8 bytes.
 *
 * Hot path: one 32-bit view per buffer, one reused object per kind, no allocation for data events.
 * 64-bit fields become doubles, exact below 2^53.
 */
import type { Counters } from '../telemetry/counters.ts';
import { textOfIpv4, textOfIpv6 } from './address.ts';
import {
  emptyClose,
  emptyData,
  emptyOpen,
  emptyProcess,
  NO_BYTES,
  NOWHERE,
} from './empty-events.ts';
import {
  CLOSE,
  DATA,
  eventCloseFlag,
  eventDataFlag,
  eventDirection,
  eventKind,
  eventProcessAction,
  eventProtocol,
  eventRole,
  HEADER,
  OPEN,
  PROCESS,
  UNIX_PATH_BYTES,
} from './layout.gen.ts';
import type {
  CloseEvent,
  DataEvent,
  Endpoint,
  OpenEvent,
  ProcessEvent,
  RawEventSink,
  Role,
  Speaks,
} from './types.ts';

const HIGH = 4_294_967_296;
const COMM_BYTES = 16;

/** Address families as Linux numbers them. */
const FAMILIES: Readonly<Record<number, OpenEvent['family']>> = {
  1: 'unix',
  2: 'ipv4',
  10: 'ipv6',
};
const ROLES: Readonly<Record<number, Role>> = {
  [eventRole.ROLE_SERVER]: 'server',
  [eventRole.ROLE_CLIENT]: 'client',
};
const PROTOCOLS: Readonly<Record<number, Speaks>> = {
  [eventProtocol.PROTOCOL_HTTP1]: 'http1',
  [eventProtocol.PROTOCOL_HTTP2]: 'http2',
  [eventProtocol.PROTOCOL_TLS]: 'tls',
};
const ACTIONS: Readonly<Record<number, ProcessEvent['action']>> = {
  [eventProcessAction.PROCESS_FORK]: 'fork',
  [eventProcessAction.PROCESS_EXEC]: 'exec',
  [eventProcessAction.PROCESS_EXIT]: 'exit',
};

export class Decoder {
  readonly #sink: RawEventSink;
  readonly #counters: Counters;
  #bytes: Uint8Array = NO_BYTES;
  #words: Uint32Array = new Uint32Array(0);
  readonly #open: OpenEvent = emptyOpen();
  readonly #data: DataEvent = emptyData();
  readonly #close: CloseEvent = emptyClose();
  readonly #process: ProcessEvent = emptyProcess();

  constructor(sink: RawEventSink, counters: Counters) {
    this.#sink = sink;
    this.#counters = counters;
  }

  /**
   * Whole records. A record of an impossible size ends the batch (what follows has no known
   * beginning), one of an unknown kind is passed over; both are counted.
   */
  decode(records: Uint8Array): void {
    this.#view(records);
    const end = records.length;
    for (let at = 0; at < end; ) {
      const word = at >>> 2;
      const sizeBytes = at + HEADER.structBytes <= end ? this.#words[word + 1] : 0;
      if (sizeBytes < HEADER.structBytes || sizeBytes % 8 !== 0 || at + sizeBytes > end) {
        this.#counters.add('capture.damaged_records');
        return;
      }
      this.#record(this.#words[word], at, sizeBytes);
      at += sizeBytes;
    }
  }

  /** A drained batch is the same buffer every time: its view is kept. */
  #view(records: Uint8Array): void {
    const isSame =
      records.buffer === this.#bytes.buffer &&
      records.byteOffset === this.#bytes.byteOffset &&
      records.length <= this.#words.length * 4;
    if (isSame) return;
    const isAligned = records.byteOffset % 4 === 0;
    this.#bytes = isAligned ? records : new Uint8Array(records);
    const { buffer, byteOffset, length } = this.#bytes;
    this.#words = new Uint32Array(buffer, byteOffset, length >>> 2);
  }

  #record(kind: number, at: number, sizeBytes: number): void {
    if (kind === eventKind.EVENT_DATA && sizeBytes >= DATA.structBytes) {
      this.#onData(at, sizeBytes);
    } else if (kind === eventKind.EVENT_OPEN && sizeBytes >= OPEN.structBytes) {
      this.#onOpen(at);
    } else if (kind === eventKind.EVENT_CLOSE && sizeBytes >= CLOSE.structBytes) {
      this.#onClose(at);
    } else if (kind === eventKind.EVENT_PROCESS && sizeBytes >= PROCESS.structBytes) {
      this.#onProcess(at);
    } else {
      this.#counters.add('capture.unknown_records');
    }
  }

  #onData(at: number, sizeBytes: number): void {
    const words = this.#words;
    const word = at >>> 2;
    const event = this.#data;
    const kinds = words[word + (DATA.direction >>> 2)];
    const marks = words[word + (DATA.flags >>> 2)];
    event.connectionId = u64(words, word + (DATA.connectionId >>> 2));
    event.timeNs = u64(words, word + (DATA.timeNs >>> 2));
    event.tgid = words[word + (DATA.tgid >>> 2)];
    event.tid = words[word + (DATA.tid >>> 2)];
    event.fd = words[word + (DATA.fd >>> 2)];
    event.isWrite = byteOf(kinds, DATA.direction) === eventDirection.DIRECTION_WRITE;
    event.source = byteOf(kinds, DATA.source);
    event.position = u64(words, word + (DATA.position >>> 2));
    event.lenBytes = words[word + (DATA.lenBytes >>> 2)];
    event.copiedBytes = words[word + (DATA.copiedBytes >>> 2)];
    event.turn = words[word + (DATA.turn >>> 2)];
    event.flags = marks & 0xffff;
    event.error = marks >>> 16;
    event.goroutine = u64(words, word + (DATA.goroutine >>> 2));
    event.cause = byteOf(kinds, DATA.cause);
    event.causeFlags = byteOf(kinds, DATA.causeFlags);
    if (event.cause !== 0) this.#cause(event, word);
    // Never beyond the record, whatever it claims.
    const room = sizeBytes - DATA.structBytes;
    if (event.copiedBytes > room) event.copiedBytes = room;
    event.tailBytes = 0;
    if ((event.flags & eventDataFlag.DATA_TAIL) !== 0) {
      event.tailBytes = event.copiedBytes;
      if (event.copiedBytes < event.lenBytes) event.copiedBytes = 0;
    }
    event.bytes = this.#bytes;
    event.payloadStart = at + DATA.structBytes;
    event.payloadEnd = event.payloadStart + event.copiedBytes;
    this.#sink.data(event);
  }

  /** The cause fields mean nothing, and are not touched, while `cause` is 0. */
  #cause(event: DataEvent, word: number): void {
    const words = this.#words;
    event.causeConnectionId = u64(words, word + (DATA.causeConnectionId >>> 2));
    event.causeReadPosition = u64(words, word + (DATA.causeReadPosition >>> 2));
    event.causeWritePosition = u64(words, word + (DATA.causeWritePosition >>> 2));
    event.causeToken = u64(words, word + (DATA.causeToken >>> 2));
  }

  #onOpen(at: number): void {
    const words = this.#words;
    const word = at >>> 2;
    const event = this.#open;
    const ports = words[word + (OPEN.family >>> 2)];
    const ends = words[word + (OPEN.remotePort >>> 2)];
    event.connectionId = u64(words, word + (OPEN.connectionId >>> 2));
    event.timeNs = u64(words, word + (OPEN.timeNs >>> 2));
    event.tgid = words[word + (OPEN.tgid >>> 2)];
    event.tid = words[word + (OPEN.tid >>> 2)];
    event.fd = words[word + (OPEN.fd >>> 2)];
    event.socketInode = u64(words, word + (OPEN.socketInode >>> 2));
    event.peerInode = u64(words, word + (OPEN.peerInode >>> 2));
    event.netnsInode = words[word + (OPEN.netnsInode >>> 2)];
    event.processStartNs = u64(words, word + (OPEN.processStartNs >>> 2));
    event.comm = this.#text(at + OPEN.comm, COMM_BYTES);
    event.family = FAMILIES[ports & 0xffff] ?? 'ipv4';
    event.role = ROLES[byteOf(ends, OPEN.role)] ?? 'unknown';
    event.startSeen = byteOf(ends, OPEN.startSeen) === 1;
    event.speaks = PROTOCOLS[this.#bytes[at + OPEN.protocol]] ?? 'other';
    event.readPosition = u64(words, word + (OPEN.readPosition >>> 2));
    event.writePosition = u64(words, word + (OPEN.writePosition >>> 2));
    if (event.family === 'unix') {
      this.#unixEnds(event, at);
    } else {
      event.local = this.#endpoint(event.family, at + OPEN.localAddress, ports >>> 16);
      event.remote = this.#endpoint(event.family, at + OPEN.remoteAddress, ends & 0xffff);
    }
    this.#sink.open(event);
  }

  #endpoint(family: OpenEvent['family'], at: number, port: number): Endpoint {
    const address = family === 'ipv4' ? textOfIpv4(this.#bytes, at) : textOfIpv6(this.#bytes, at);
    return { address, port };
  }

  /** The path is the listening side's: ours when we are the server. */
  #unixEnds(event: OpenEvent, at: number): void {
    const bytes = Math.min(this.#words[(at + OPEN.unixPathBytes) >>> 2] & 0xffff, UNIX_PATH_BYTES);
    const listening: Endpoint = { address: this.#unixPath(at + OPEN.unixPath, bytes), port: 0 };
    const isServer = event.role === 'server';
    event.local = isServer ? listening : NOWHERE;
    event.remote = isServer ? NOWHERE : listening;
  }

  /** Abstract names begin with a NUL and are written with an `@`, as ss and netstat do. */
  #unixPath(at: number, bytes: number): string {
    if (bytes === 0) return '';
    if (this.#bytes[at] !== 0) return this.#text(at, bytes, 'utf8');
    return `@${Buffer.from(this.#bytes.subarray(at + 1, at + bytes)).toString('latin1')}`;
  }

  #text(at: number, bytes: number, encoding: BufferEncoding = 'latin1'): string {
    const zero = this.#bytes.indexOf(0, at);
    const end = zero < 0 || zero > at + bytes ? at + bytes : zero;
    return Buffer.from(this.#bytes.subarray(at, end)).toString(encoding);
  }

  #onClose(at: number): void {
    const words = this.#words;
    const word = at >>> 2;
    const event = this.#close;
    event.connectionId = u64(words, word + (CLOSE.connectionId >>> 2));
    event.timeNs = u64(words, word + (CLOSE.timeNs >>> 2));
    event.tid = words[word + (CLOSE.tid >>> 2)];
    event.readPosition = u64(words, word + (CLOSE.readPosition >>> 2));
    event.writePosition = u64(words, word + (CLOSE.writePosition >>> 2));
    event.turns = words[word + (CLOSE.turns >>> 2)];
    const flags = words[word + (CLOSE.flags >>> 2)];
    event.isStillOpen = (flags & eventCloseFlag.CLOSE_STILL_OPEN) !== 0;
    event.isLate = (flags & eventCloseFlag.CLOSE_LATE) !== 0;
    this.#sink.close(event);
  }

  #onProcess(at: number): void {
    const words = this.#words;
    const word = at >>> 2;
    const event = this.#process;
    const action = ACTIONS[words[word + (PROCESS.action >>> 2)]];
    if (action === undefined) {
      this.#counters.add('capture.unknown_records');
      return;
    }
    event.timeNs = u64(words, word + (PROCESS.timeNs >>> 2));
    event.tgid = words[word + (PROCESS.tgid >>> 2)];
    event.parentTgid = words[word + (PROCESS.parentTgid >>> 2)];
    event.startNs = u64(words, word + (PROCESS.startNs >>> 2));
    event.action = action;
    event.comm = this.#text(at + PROCESS.comm, COMM_BYTES);
    this.#sink.process(event);
  }
}

/** Two words, low one first: all machines we run on are little-endian. */
function u64(words: Uint32Array, word: number): number {
  return words[word] + words[word + 1] * HIGH;
}

/** The byte at `offset` of a struct, out of the word that holds it. */
function byteOf(word: number, offset: number): number {
  return (word >>> ((offset & 3) * 8)) & 0xff;
}
