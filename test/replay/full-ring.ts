/**
 * A recording as it would have been with a ring that is full now and then: what the kernel side
 * does when a record does not fit (bpf/connection.h), done to records that did.
 */

import {
  CLOSE,
  DATA,
  eventCloseFlag,
  eventDirection,
  eventKind,
  HEADER,
} from '../../src/capture/layout.gen.ts';
import { closeRecord } from '../capture/records.ts';

interface Moved {
  readPosition: number;
  writePosition: number;
  turns: number;
}

const EVENT_ID = DATA.connectionId;

export function viewOf(record: Uint8Array): DataView {
  return new DataView(record.buffer, record.byteOffset, record.byteLength);
}

export function kindOf(record: Uint8Array): number {
  return viewOf(record).getUint32(HEADER.kind, true);
}

/** Open, data and close events have it in the same place. */
export function connectionIdOf(record: Uint8Array): number {
  return Number(viewOf(record).getBigUint64(EVENT_ID, true));
}

function turnsOf(close: Uint8Array): number {
  return viewOf(close).getUint32(CLOSE.turns, true);
}

/** The records that the kernel side writes for what is still open when capture stops. */
export function stillOpen(records: readonly Uint8Array[]): Uint8Array[] {
  const open = new Map<number, Moved>();
  for (const record of records) {
    const kind = kindOf(record);
    if (kind === eventKind.EVENT_OPEN) {
      open.set(connectionIdOf(record), { readPosition: 0, writePosition: 0, turns: 0 });
    } else if (kind === eventKind.EVENT_CLOSE) open.delete(connectionIdOf(record));
    else if (kind === eventKind.EVENT_DATA) move(open.get(connectionIdOf(record)), viewOf(record));
  }
  return [...open].map(([connectionId, moved]) =>
    closeRecord({ connectionId, ...moved, flags: eventCloseFlag.CLOSE_STILL_OPEN }),
  );
}

function move(moved: Moved | undefined, data: DataView): void {
  if (moved === undefined) return;
  const end = Number(data.getBigUint64(DATA.position, true)) + data.getUint32(DATA.lenBytes, true);
  const isWrite = data.getUint8(DATA.direction) === eventDirection.DIRECTION_WRITE;
  const name = isWrite ? 'writePosition' : 'readPosition';
  moved[name] = Math.max(moved[name], end);
  moved.turns = Math.max(moved.turns, data.getUint32(DATA.turn, true));
}

/**
 * Loses what comes while `isFull`. An open event is tried again with the next data, which waits for
 * it; a close event until there is room. `unopened`: exchanges that only the kernel's counter knows.
 */
export function withFullRing(
  records: readonly Uint8Array[],
  isFull: (index: number) => boolean,
): { records: Uint8Array[]; unopened: number } {
  const kept: Uint8Array[] = [];
  const closes: Uint8Array[] = [];
  const waiting = new Map<number, Uint8Array>();
  let unopened = 0;
  for (const [index, record] of records.entries()) {
    const kind = kindOf(record);
    const id = connectionIdOf(record);
    const open = kind === eventKind.EVENT_PROCESS ? undefined : waiting.get(id);
    if (kind === eventKind.EVENT_CLOSE && open !== undefined) {
      unopened += (turnsOf(record) + 1) >> 1;
      waiting.delete(id);
    } else if (!isFull(index)) {
      if (open !== undefined) kept.push(open);
      waiting.delete(id);
      kept.push(record);
    } else if (kind === eventKind.EVENT_OPEN) waiting.set(id, record);
    else if (kind === eventKind.EVENT_CLOSE) closes.push(record);
  }
  return { records: [...kept, ...closes], unopened };
}
