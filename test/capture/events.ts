/** Builders for events as the decoder gives them. */
import { emptyData, emptyOpen } from '../../src/capture/empty-events.ts';
import type { DataEvent, OpenEvent } from '../../src/capture/types.ts';

/** A client's connection to a server on this host. */
export function openEvent(overrides: Partial<OpenEvent>): OpenEvent {
  return {
    ...emptyOpen(),
    connectionId: 1,
    timeNs: 100,
    tgid: 10,
    tid: 10,
    fd: 5,
    socketInode: 1000,
    netnsInode: 1,
    processStartNs: 7,
    comm: 'server',
    local: { address: '127.0.0.1', port: 80 },
    remote: { address: '127.0.0.1', port: 40_000 },
    role: 'server',
    startSeen: true,
    ...overrides,
  };
}

/** Four bytes that a server read, none of them copied. */
export function dataEvent(overrides: Partial<DataEvent>): DataEvent {
  return {
    ...emptyData(),
    connectionId: 1,
    timeNs: 200,
    tgid: 10,
    tid: 10,
    fd: 5,
    lenBytes: 4,
    turn: 1,
    ...overrides,
  };
}
