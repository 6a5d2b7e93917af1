/**
 * nginx: the ngx_connection_t of every socket that a worker already has. Later ones are told by
 * epoll_ctl in the kernel; these are found once, by reading the worker's private memory for
 * structures that describe the socket and check out by themselves:
 *
 *   ngx_connection_t c:  +0x00 data  +0x08 read  +0x10 write  +0x18 fd (int)
 *   ngx_event_t read, write:  +0x00 data == c
 *
 * (src/core/ngx_connection.h, src/event/ngx_event.h: the same in every version from 1.10.)
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { limits } from '../config/limits.ts';
import type { Counters } from '../telemetry/counters.ts';
import { PROC_ROOT, readProcText } from './proc/files.ts';
import { readSocketDescriptors } from './proc/sockets.ts';

export interface NginxScan {
  /** Socket inode and address of its ngx_connection_t. */
  readonly connections: readonly (readonly [inode: number, address: number])[];
  /** In words, when the scan could not do its work. */
  readonly reasons: readonly string[];
}

/** Private writable memory [start, end) without a file behind it. */
export interface MemoryRegion {
  readonly start: number;
  readonly end: number;
}

const PIECE_BYTES = 1024 * 1024;
/** The fields read of an ngx_connection_t, so that one at the end of a piece is read whole. */
const CONNECTION_BYTES = 0x20;

export interface ScanBounds {
  readonly bytesMax: number;
  readonly timeMs: number;
}

const BOUNDS: ScanBounds = { bytesMax: limits.nginxScanBytesMax, timeMs: limits.nginxScanMs };

/** Scans one process; stops as soon as every socket is found, or at a bound. */
export function findNginxConnections(
  pid: number,
  counters?: Counters,
  root = PROC_ROOT,
  bounds = BOUNDS,
): NginxScan {
  const sockets = readSocketDescriptors(pid, root);
  if (sockets.size === 0) return { connections: [], reasons: [] };
  const regions = privateRegions(readProcText(`${root}/${pid}/maps`, counters) ?? '');
  let memory: number;
  try {
    memory = openSync(`${root}/${pid}/mem`, 'r');
  } catch {
    const reason = 'connections opened before the agent: its memory cannot be read';
    return { connections: [], reasons: [`${reason} (CAP_SYS_PTRACE)`] };
  }
  const scan = new Scan(memory, regions, new Set(sockets.keys()), bounds);
  const isComplete = scan.run();
  closeSync(memory);
  if (!isComplete) counters?.add('dropped.nginx_scan');
  const reasons = isComplete
    ? []
    : [`connections opened before the agent: only ${scan.bytes >> 20} MiB of memory were searched`];
  const connections = [...scan.found].map(
    ([fd, address]) => [sockets.get(fd) ?? 0, address] as const,
  );
  return { connections, reasons };
}

/** The heap and anonymous mappings, from /proc/PID/maps. */
export function privateRegions(maps: string): MemoryRegion[] {
  const regions: MemoryRegion[] = [];
  for (const line of maps.split('\n')) {
    const match = line.match(/^([0-9a-f]+)-([0-9a-f]+) rw.p \S+ \S+ 0(?: +(.*))?$/);
    const path = match?.[3] ?? '';
    const isWanted = path === '' || path === '[heap]' || path.startsWith('[anon:');
    if (match === null || !isWanted) continue;
    const [, start, end] = match;
    regions.push({ start: Number(`0x${start}`), end: Number(`0x${end}`) });
  }
  return regions;
}

class Scan {
  /** Descriptor -> address. */
  readonly found = new Map<number, number>();
  bytes = 0;

  readonly #memory: number;
  readonly #regions: readonly MemoryRegion[];
  readonly #wanted: ReadonlySet<number>;
  /** 1 for descriptors that are still looked for: an array, for the inner loop. */
  readonly #isOpen: Uint8Array;
  readonly #piece = Buffer.from(new ArrayBuffer(PIECE_BYTES + CONNECTION_BYTES));
  readonly #word = Buffer.alloc(8);
  readonly #bytesMax: number;
  readonly #deadlineMs: number;

  constructor(
    memory: number,
    regions: readonly MemoryRegion[],
    wanted: ReadonlySet<number>,
    bounds: ScanBounds,
  ) {
    this.#bytesMax = bounds.bytesMax;
    this.#deadlineMs = performance.now() + bounds.timeMs;
    this.#memory = memory;
    this.#regions = regions;
    this.#wanted = wanted;
    this.#isOpen = new Uint8Array(Math.max(...wanted) + 1);
    for (const fd of wanted) this.#isOpen[fd] = 1;
  }

  /** False when a bound ended the search before its time. */
  run(): boolean {
    for (const { start, end } of this.#regions) {
      for (let at = start; at < end; at += PIECE_BYTES) {
        if (this.found.size === this.#wanted.size) return true;
        if (this.bytes >= this.#bytesMax) return false;
        if (performance.now() > this.#deadlineMs) return false;
        this.#scanPiece(at, Math.min(end - at, this.#piece.length));
      }
    }
    return true;
  }

  #scanPiece(address: number, lenBytes: number): void {
    const got = this.#read(this.#piece, address, lenBytes);
    this.bytes += got;
    const words = new Int32Array(this.#piece.buffer, 0, got >> 2);
    const last = words.length - (CONNECTION_BYTES >> 2);
    const isOpen = this.#isOpen;
    for (let index = 0; index <= last; index += 2) {
      const fd = words[index + 6] as number;
      if (fd <= 0 || fd >= isOpen.length || isOpen[fd] === 0) continue;
      if (words[index + 2] === 0 || words[index + 4] === 0) continue;
      this.#check(address + index * 4, index * 4, fd);
    }
  }

  #check(connection: number, at: number, fd: number): void {
    const read = this.#pointer(at + 0x08);
    const write = this.#pointer(at + 0x10);
    if (read === write || !this.#isPrivate(read) || !this.#isPrivate(write)) return;
    if (this.#wordAt(read) !== connection || this.#wordAt(write) !== connection) return;
    this.found.set(fd, connection);
    this.#isOpen[fd] = 0;
  }

  #pointer(at: number): number {
    return this.#piece.readUInt32LE(at) + this.#piece.readUInt32LE(at + 4) * 4_294_967_296;
  }

  #isPrivate(address: number): boolean {
    if (address % 8 !== 0) return false;
    return this.#regions.some(({ start, end }) => address >= start && address < end);
  }

  #wordAt(address: number): number {
    if (this.#read(this.#word, address, 8) !== 8) return -1;
    return this.#word.readUInt32LE(0) + this.#word.readUInt32LE(4) * 4_294_967_296;
  }

  /** Memory may be unmapped while we read: then nothing was got. */
  #read(buffer: Buffer, address: number, lenBytes: number): number {
    try {
      return readSync(this.#memory, buffer, 0, lenBytes, address);
    } catch {
      return 0;
    }
  }
}
