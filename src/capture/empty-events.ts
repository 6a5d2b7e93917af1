/** Events with every field and nothing in them: the decoder fills in one of each kind, again and again. */
import type { CloseEvent, DataEvent, Endpoint, OpenEvent, ProcessEvent } from './types.ts';

export const NO_BYTES = new Uint8Array(0);
export const NOWHERE: Endpoint = { address: '', port: 0 };

export function emptyOpen(): OpenEvent {
  return {
    connectionId: 0,
    timeNs: 0,
    tgid: 0,
    tid: 0,
    fd: 0,
    socketInode: 0,
    peerInode: 0,
    netnsInode: 0,
    processStartNs: 0,
    comm: '',
    family: 'ipv4',
    local: NOWHERE,
    remote: NOWHERE,
    role: 'unknown',
    startSeen: false,
    speaks: 'http1',
    readPosition: 0,
    writePosition: 0,
  };
}

export function emptyData(): DataEvent {
  return {
    connectionId: 0,
    timeNs: 0,
    tgid: 0,
    tid: 0,
    fd: 0,
    isWrite: false,
    position: 0,
    lenBytes: 0,
    copiedBytes: 0,
    turn: 0,
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
    bytes: NO_BYTES,
    payloadStart: 0,
    payloadEnd: 0,
    tailBytes: 0,
  };
}

export function emptyClose(): CloseEvent {
  return {
    connectionId: 0,
    timeNs: 0,
    tid: 0,
    readPosition: 0,
    writePosition: 0,
    turns: 0,
    isStillOpen: false,
    isLate: false,
  };
}

export function emptyProcess(): ProcessEvent {
  return { timeNs: 0, tgid: 0, parentTgid: 0, startNs: 0, action: 'fork', comm: '' };
}
