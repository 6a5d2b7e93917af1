/** Builders of raw records as the kernel writes them (bpf/event.h). */
import { CLOSE, DATA, eventKind, HEADER, OPEN, PROCESS } from '../../src/capture/layout.gen.ts';

type Fields<L> = {
  readonly [K in Exclude<keyof L, 'structBytes' | 'kind' | 'sizeBytes'>]?: number;
};

/** Fields that are not 32 bits wide. */
const WIDTHS: Readonly<Record<string, number>> = {
  timeNs: 8,
  connectionId: 8,
  position: 8,
  goroutine: 8,
  causeConnectionId: 8,
  causeReadPosition: 8,
  causeWritePosition: 8,
  causeToken: 8,
  socketInode: 8,
  peerInode: 8,
  processStartNs: 8,
  readPosition: 8,
  writePosition: 8,
  startNs: 8,
  family: 2,
  localPort: 2,
  remotePort: 2,
  flags: 2,
  error: 2,
  role: 1,
  startSeen: 1,
  protocol: 1,
  unixPathBytes: 2,
  direction: 1,
  source: 1,
  cause: 1,
  causeFlags: 1,
};

function record<L extends Record<string, number>>(
  kind: number,
  layout: L,
  fields: Fields<L>,
  payload = Buffer.alloc(0),
): Buffer {
  const bytes = layout.structBytes + payload.length;
  const buffer = Buffer.alloc(bytes + (-bytes & 7));
  buffer.writeUInt32LE(kind, HEADER.kind);
  buffer.writeUInt32LE(buffer.length, HEADER.sizeBytes);
  for (const [name, value] of Object.entries<number>(fields as Record<string, number>)) {
    const width = WIDTHS[name] ?? 4;
    if (width === 8) buffer.writeBigUInt64LE(BigInt(value), layout[name]);
    else buffer.writeUIntLE(value, layout[name], width);
  }
  payload.copy(buffer, layout.structBytes);
  return buffer;
}

export interface OpenTexts {
  readonly comm?: string;
  readonly unixPath?: string;
  readonly local?: readonly number[];
  readonly remote?: readonly number[];
}

export function openRecord(fields: Fields<typeof OPEN>, texts: OpenTexts = {}): Buffer {
  const path = Buffer.from(texts.unixPath ?? '', 'latin1');
  const buffer = record(eventKind.EVENT_OPEN, OPEN, { ...fields, unixPathBytes: path.length });
  buffer.write(texts.comm ?? '', OPEN.comm, 'latin1');
  path.copy(buffer, OPEN.unixPath);
  buffer.set(texts.local ?? [], OPEN.localAddress);
  buffer.set(texts.remote ?? [], OPEN.remoteAddress);
  return buffer;
}

/** `copiedBytes` and `lenBytes` are the payload's unless they are given. */
export function dataRecord(fields: Fields<typeof DATA>, payload = ''): Buffer {
  const bytes = Buffer.from(payload, 'latin1');
  const lengths = { copiedBytes: bytes.length, lenBytes: bytes.length };
  return record(eventKind.EVENT_DATA, DATA, { ...lengths, ...fields }, bytes);
}

export function closeRecord(fields: Fields<typeof CLOSE>): Buffer {
  return record(eventKind.EVENT_CLOSE, CLOSE, fields);
}

export function processRecord(fields: Fields<typeof PROCESS>, comm = ''): Buffer {
  const buffer = record(eventKind.EVENT_PROCESS, PROCESS, fields);
  buffer.write(comm, PROCESS.comm, 'latin1');
  return buffer;
}
