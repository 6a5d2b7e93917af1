/**
 * Recorded event files: the bytes of the ring, with a head and notes around them.
 *
 *     "spantap\n"  u32 format version  u32 head bytes  JSON head, padded to 8
 *     record*      exactly as in bpf/event.h: kind, size_bytes, ...
 *
 * Between kernel records stand notes of kind NOTE_KIND with the same record head and JSON as
 * payload: what user space knew at that point (process families, resources, clock), so that a
 * replay needs nothing of the machine it was recorded on.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { AgentError, messageOf } from '../telemetry/agent-error.ts';

const { O_CREAT, O_EXCL, O_WRONLY } = constants;
const MAGIC = 'spantap\n';
const FORMAT_VERSION = 1;
/** Record kinds of user space start here; the kernel's are small (enum event_kind). */
const NOTE_KIND = 256;
/** kind, size_bytes, time_ns, tgid, tid: struct event_header. */
const RECORD_HEAD_BYTES = 24;
/** No record is larger: struct data_event plus one chunk, with room for notes. */
const RECORD_BYTES_MAX = 1 << 20;
const READ_BYTES = 1 << 20;

export interface EventFileHead {
  readonly eventVersion: number;
  readonly spantap: string;
  readonly kernel: string;
  readonly arch: string;
  /** One reading of both clocks at the start of the recording. */
  readonly monotonicNs: number;
  readonly epochMs: number;
}

export class EventFileWriter {
  readonly #fd: number;
  readonly #bytesMax: number;
  #bytes = 0;
  /** Something did not fit any more. */
  isFull = false;

  /**
   * `bytesMax`: of the file; its head is always written.
   * @throws AgentError `event_file` when `path` cannot be created.
   */
  constructor(path: string, head: EventFileHead, bytesMax = Number.POSITIVE_INFINITY) {
    this.#fd = createEventFile(path);
    this.#bytesMax = bytesMax;
    const json = paddedJson(head);
    const start = Buffer.alloc(16);
    start.write(MAGIC, 'latin1');
    start.writeUInt32LE(FORMAT_VERSION, 8);
    start.writeUInt32LE(json.length, 12);
    this.#write(start);
    this.#write(json);
  }

  /** Whole records, as drained: as many of them as fit. */
  append(records: Uint8Array): void {
    const roomBytes = this.#roomBytes;
    this.#write(records.length <= roomBytes ? records : this.#fitting(records, roomBytes));
  }

  get #roomBytes(): number {
    return this.isFull ? 0 : Math.max(0, this.#bytesMax - this.#bytes);
  }

  /** Nothing comes behind a record that did not fit: a replay must not miss one in the middle. */
  #fitting(records: Uint8Array, roomBytes: number): Uint8Array {
    this.isFull = true;
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    let end = 0;
    for (let next = 0; next <= roomBytes && next < records.length; ) {
      end = next;
      next += view.getUint32(next + 4, true);
    }
    return records.subarray(0, end);
  }

  note(value: unknown): void {
    const json = paddedJson(value);
    const head = Buffer.alloc(RECORD_HEAD_BYTES);
    head.writeUInt32LE(NOTE_KIND, 0);
    head.writeUInt32LE(RECORD_HEAD_BYTES + json.length, 4);
    this.append(Buffer.concat([head, json]));
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** All of it or, when the disk refuses, nothing. */
  #write(bytes: Uint8Array): void {
    let offset = 0;
    try {
      while (offset < bytes.length) {
        offset += writeSync(this.#fd, bytes, offset, bytes.length - offset, this.#bytes + offset);
      }
    } catch (error) {
      ftruncateSync(this.#fd, this.#bytes);
      throw new AgentError('event_file', {
        what: 'the recording ends here',
        why: messageOf(error),
        todo: 'make room on its disk, or bound it with --bytes-max',
      });
    }
    this.#bytes += bytes.length;
  }
}

export type EventFileItem =
  | { readonly kind: 'records'; readonly bytes: Uint8Array }
  | { readonly kind: 'note'; readonly value: unknown };

/**
 * Reads a recording in pieces of whole records; `bytes` is valid until the next step.
 * Throws AgentError `event_file` with the byte position of the damage.
 */
export function* readEventFile(path: string): Generator<EventFileItem, void> {
  const fd = openEventFile(path);
  try {
    const { start } = readHead(fd, path);
    yield* readRecords(fd, path, start);
  } finally {
    closeSync(fd);
  }
}

/** The head of a recording alone. */
export function readEventFileHead(path: string): EventFileHead {
  const fd = openEventFile(path);
  try {
    return readHead(fd, path).head;
  } finally {
    closeSync(fd);
  }
}

/**
 * A file of our own with mode 0600, because a recording holds traffic that is not redacted: one that
 * is there may be readable by others, open, or elsewhere (links), so it makes place.
 */
function createEventFile(path: string): number {
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === true) unlinkSync(path);
    return openSync(path, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  } catch (error) {
    throw new AgentError('event_file', {
      what: `cannot create the event file ${path}`,
      why: messageOf(error),
      todo: 'name a file, new or of your own, in a folder that exists',
    });
  }
}

function openEventFile(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new AgentError('event_file', {
      what: `cannot open the event file ${path}`,
      why: messageOf(error),
      todo: 'name a file that `spantap record` has written',
    });
  }
}

function readHead(fd: number, path: string): { head: EventFileHead; start: number } {
  const start = Buffer.alloc(16);
  const got = readSync(fd, start, 0, 16, 0);
  if (got < 16 || start.toString('latin1', 0, 8) !== MAGIC)
    throw damaged(path, 0, 'it does not begin like an event file');
  if (start.readUInt32LE(8) !== FORMAT_VERSION)
    throw damaged(path, 8, `its format version is ${start.readUInt32LE(8)}, not ${FORMAT_VERSION}`);
  const length = start.readUInt32LE(12);
  if (length > RECORD_BYTES_MAX) throw damaged(path, 12, 'its head is too long');
  const json = Buffer.alloc(length);
  if (readSync(fd, json, 0, length, 16) < length) throw damaged(path, 16, 'its head is cut off');
  return { head: parseJson(json, path, 16) as EventFileHead, start: 16 + length };
}

function* readRecords(fd: number, path: string, start: number): Generator<EventFileItem, void> {
  const size = fstatSync(fd).size;
  const buffer = Buffer.alloc(READ_BYTES + RECORD_BYTES_MAX);
  let position = start;
  while (position < size) {
    const got = readSync(fd, buffer, 0, Math.min(buffer.length, size - position), position);
    const consumed = yield* splitRecords(buffer.subarray(0, got), path, position);
    if (consumed === 0) throw damaged(path, position, 'the last record is cut off');
    position += consumed;
  }
}

/** Yields runs of kernel records and single notes; returns the bytes of whole records. */
function* splitRecords(
  buffer: Buffer,
  path: string,
  base: number,
): Generator<EventFileItem, number> {
  let runStart = 0;
  let offset = 0;
  while (offset + RECORD_HEAD_BYTES <= buffer.length) {
    const kind = buffer.readUInt32LE(offset);
    const length = buffer.readUInt32LE(offset + 4);
    if (length < RECORD_HEAD_BYTES || length > RECORD_BYTES_MAX || length % 8 !== 0)
      throw damaged(path, base + offset, `a record claims ${length} bytes`);
    if (kind === 0 || (kind > 15 && kind !== NOTE_KIND))
      throw damaged(path, base + offset, `a record has the unknown kind ${kind}`);
    if (offset + length > buffer.length) break;
    if (kind === NOTE_KIND) {
      if (offset > runStart) yield { kind: 'records', bytes: buffer.subarray(runStart, offset) };
      const json = buffer.subarray(offset + RECORD_HEAD_BYTES, offset + length);
      yield { kind: 'note', value: parseJson(json, path, base + offset) };
      runStart = offset + length;
    }
    offset += length;
  }
  if (offset > runStart) yield { kind: 'records', bytes: buffer.subarray(runStart, offset) };
  return offset;
}

/** JSON allows trailing spaces, so padding needs no length of its own. */
function paddedJson(value: unknown): Buffer {
  const text = JSON.stringify(value);
  const length = Buffer.byteLength(text);
  return Buffer.from(text + ' '.repeat((8 - (length % 8)) % 8));
}

function parseJson(bytes: Buffer, path: string, position: number): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw damaged(path, position, 'a note is not JSON');
  }
}

function damaged(path: string, position: number, why: string): AgentError {
  return new AgentError('event_file', {
    what: `${path} is damaged at byte ${position}`,
    why,
    todo: 'record it again; everything before that byte was read',
  });
}
