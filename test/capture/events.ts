/** Builders for events as the decoder gives them. */
import type { DataEvent, OpenEvent } from '../../src/capture/types.ts';

/** A client's connection to a server on this host. */
export function openEvent(overrides: Partial<OpenEvent>): OpenEvent {
  return {
    connectionId: 1,
    timeNs: 100,
    tgid: 10,
    tid: 10,
    fd: 5,
    socketInode: 1000,
    peerInode: 0,
    netnsInode: 1,
    processStartNs: 7,
    comm: 'server',
    family: 'ipv4',
    local: { address: '127.0.0.1', port: 80 },
    remote: { address: '127.0.0.1', port: 40_000 },
    role: 'server',
    startSeen: true,
    speaks: 'http1',
    readPosition: 0,
    writePosition: 0,
    ...overrides,
  };
}

/** Four bytes that a server read, none of them copied. */
export function dataEvent(overrides: Partial<DataEvent>): DataEvent {
  return {
    connectionId: 1,
    timeNs: 200,
    tgid: 10,
    tid: 10,
    fd: 5,
    isWrite: false,
    position: 0,
    lenBytes: 4,
    copiedBytes: 0,
    turn: 1,
    source: 0,
    flags: 0,
    error: 0,
    goroutine: 0,
    cause: 0,
    causeFlags: 0,
    causeConnectionId: 0,
    causeReadPosition: 0,
    causeWritePosition: 0,
    causeToken: 0,
    bytes: new Uint8Array(),
    payloadStart: 0,
    payloadEnd: 0,
    tailBytes: 0,
    ...overrides,
  };
}
