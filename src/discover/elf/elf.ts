/**
 * ELF64 little-endian files, read in pieces: headers, segments, sections. Nothing here
 * throws on a broken file: what is not there or lies outside the file is undefined or empty.
 * Field offsets: System V ABI, ELF-64 object file format (gABI 4, 5).
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export type Machine = 'x64' | 'arm64' | 'other';

export interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
}

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly address: number;
  readonly offset: number;
  readonly sizeBytes: number;
  readonly link: number;
}

export interface Elf {
  readonly fd: number;
  /** Device and inode: the identity of the file whatever its path. */
  readonly fileKey: string;
  /** Another one when its contents were changed, or when another file got the inode. */
  readonly versionKey: string;
  readonly fileBytes: number;
  readonly machine: Machine;
  /** Position-independent: addresses are relative to where it is loaded. */
  readonly isPositionIndependent: boolean;
  readonly segments: readonly Segment[];
  readonly sections: readonly Section[];
}

export const SEGMENT_LOAD = 1;
export const SEGMENT_DYNAMIC = 2;
export const SEGMENT_NOTE = 4;
export const FLAG_EXECUTE = 1;
export const FLAG_WRITE = 2;

const SECTION_NOBITS = 8;
/** Program and section headers of a sane file; more are not read. */
const HEADERS_MAX = 65_535;
const ENTRY_BYTES_MAX = 256;

/** Opens an ELF64 little-endian file; undefined when it is none or cannot be opened. */
export function openElf(path: string): Elf | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  const elf = readElf(fd);
  if (elf === undefined) closeSync(fd);
  return elf;
}

export function closeElf(elf: Elf): void {
  closeSync(elf.fd);
}

function readElf(fd: number): Elf | undefined {
  const stat = fstatSync(fd);
  const file = { fd, fileBytes: stat.size };
  const header = readRange(file, 0, 64);
  if (header.length < 64 || header.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const is64 = header[4] === 2;
  const isLittleEndian = header[5] === 1;
  if (!is64 || !isLittleEndian) return undefined;
  return {
    ...file,
    fileKey: `${stat.dev}:${stat.ino}`,
    versionKey: `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}`,
    machine: machineOf(header.readUInt16LE(18)),
    isPositionIndependent: header.readUInt16LE(16) === 3,
    segments: readSegments(file, header),
    sections: readSections(file, header),
  };
}

function machineOf(value: number): Machine {
  if (value === 62) return 'x64';
  return value === 183 ? 'arm64' : 'other';
}

/** Bytes [offset, offset + lenBytes) of the file, fewer where it ends; empty when out of range. */
export function readRange(
  file: Pick<Elf, 'fd' | 'fileBytes'>,
  offset: number,
  lenBytes: number,
): Buffer {
  const isSane = Number.isSafeInteger(offset) && offset >= 0 && offset <= file.fileBytes;
  const wanted = isSane ? Math.min(lenBytes, file.fileBytes - offset) : 0;
  if (!(wanted > 0)) return Buffer.alloc(0);
  const buffer = Buffer.allocUnsafe(wanted);
  try {
    return buffer.subarray(0, readSync(file.fd, buffer, 0, wanted, offset));
  } catch {
    return Buffer.alloc(0);
  }
}

/** A 64-bit integer as a double: exact below 2^53, which holds for every offset that exists. */
export function readWord(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 4_294_967_296;
}

function readSegments(file: Pick<Elf, 'fd' | 'fileBytes'>, header: Buffer): Segment[] {
  const entryBytes = header.readUInt16LE(54);
  const count = header.readUInt16LE(56);
  if (entryBytes < 56 || entryBytes > ENTRY_BYTES_MAX) return [];
  const table = readRange(file, readWord(header, 32), entryBytes * count);
  return entriesOf(table, entryBytes).map((entry) => ({
    type: entry.readUInt32LE(0),
    flags: entry.readUInt32LE(4),
    offset: readWord(entry, 8),
    address: readWord(entry, 16),
    fileBytes: readWord(entry, 32),
  }));
}

function readSections(file: Pick<Elf, 'fd' | 'fileBytes'>, header: Buffer): Section[] {
  const start = readWord(header, 40);
  const entryBytes = header.readUInt16LE(58);
  if (entryBytes < 64 || entryBytes > ENTRY_BYTES_MAX || start === 0) return [];
  // gABI: counts that do not fit into the header are kept in section 0.
  const first = readRange(file, start, entryBytes);
  if (first.length < entryBytes) return [];
  const count = header.readUInt16LE(60) || readWord(first, 32);
  const namesIndex =
    header.readUInt16LE(62) === 0xffff ? first.readUInt32LE(40) : header.readUInt16LE(62);
  const table = readRange(file, start, entryBytes * Math.min(count, HEADERS_MAX));
  const entries = entriesOf(table, entryBytes);
  const namesEntry = entries[namesIndex];
  const names =
    namesEntry === undefined
      ? Buffer.alloc(0)
      : readRange(file, readWord(namesEntry, 24), Math.min(readWord(namesEntry, 32), 1 << 20));
  return entries.map((entry) => ({
    name: stringAt(names, entry.readUInt32LE(0)),
    type: entry.readUInt32LE(4),
    address: readWord(entry, 16),
    offset: readWord(entry, 24),
    sizeBytes: readWord(entry, 32),
    link: entry.readUInt32LE(40),
  }));
}

/** Entries of a table, without a cut last one. */
export function entriesOf(table: Buffer, entryBytes: number): Buffer[] {
  const count = Math.floor(table.length / entryBytes);
  return Array.from({ length: count }, (_, index) =>
    table.subarray(index * entryBytes, (index + 1) * entryBytes),
  );
}

function stringAt(table: Buffer, offset: number): string {
  if (offset >= table.length) return '';
  const end = table.indexOf(0, offset);
  return table.toString('latin1', offset, end < 0 ? table.length : end);
}

/** A section whose bytes lie in the file. */
export function findSection(elf: Elf, name: string): Section | undefined {
  return elf.sections.find((each) => each.name === name && each.type !== SECTION_NOBITS);
}

/** File offset of a virtual address; undefined when no segment of the file holds it. */
export function fileOffsetOf(elf: Elf, address: number): number | undefined {
  const segment = elf.segments.find(
    ({ type, address: start, fileBytes }) =>
      type === SEGMENT_LOAD && address >= start && address < start + fileBytes,
  );
  return segment === undefined ? undefined : segment.offset + (address - segment.address);
}

/** Bytes at a virtual address, as the file holds them. */
export function readAddress(elf: Elf, address: number, lenBytes: number): Buffer {
  const offset = fileOffsetOf(elf, address);
  return offset === undefined ? Buffer.alloc(0) : readRange(elf, offset, lenBytes);
}
