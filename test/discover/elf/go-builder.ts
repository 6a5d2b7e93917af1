/** Builds the parts of a Go program that discovery reads, in the layout of several versions. */
import { buildElf, type SectionPart, stringTable, writeWord } from './elf-builder.ts';

/** Format of the pc-line table, named by the Go version that brought it. */
export type Format = '1.16' | '1.18' | '1.20';

const MAGIC: Readonly<Record<Format, number>> = {
  '1.16': 0xfffffffa,
  '1.18': 0xfffffff0,
  '1.20': 0xfffffff1,
};

/** `cmp 0x10(%r14),%rsp; jbe`: the start of a Go function since 1.17. */
export const GO_PROLOGUE = Buffer.from('493b66100f8600000000', 'hex');
/** `mov %fs:-8,%rcx; cmp 0x10(%rcx),%rsp`: before 1.17. */
export const OLD_GO_PROLOGUE = Buffer.from('64488b0c25f8ffffff483b6110', 'hex');

export interface GoProgram {
  readonly format: Format;
  readonly functions: readonly string[];
  readonly prologue?: Buffer;
  /** What the header tells as the address of the first function. */
  readonly textStart?: number;
  /** Bytes of C start code in .text before Go's own. */
  readonly skipBytes?: number;
  /** Section that holds the table. */
  readonly tableSection?: string;
  /** Other bytes in front of the table in that section. */
  readonly tableAt?: number;
  /** Text of the build info section; none: no such section. */
  readonly version?: string;
  /** All functions have the same length. */
  readonly isRegular?: boolean;
}

export const TEXT_ADDRESS = 0x401000;
/** Functions are of different lengths, as real ones are. */
function functionOffset(program: GoProgram, index: number): number {
  return program.isRegular ? index * 64 : index * 64 + index * index * 32;
}

/** Address of the n-th function. */
export function functionAddress(program: GoProgram, index: number): number {
  return TEXT_ADDRESS + (program.skipBytes ?? 0) + functionOffset(program, index);
}

export function buildGoProgram(program: GoProgram): Buffer {
  const skip = program.skipBytes ?? 0;
  const text = Buffer.alloc(skip + functionOffset(program, program.functions.length), 0xcc);
  program.functions.forEach((_, index) => {
    (program.prologue ?? GO_PROLOGUE).copy(text, skip + functionOffset(program, index));
  });
  const table = Buffer.concat([Buffer.alloc(program.tableAt ?? 0), buildTable(program)]);
  const tableSection = program.tableSection ?? '.gopclntab';
  const sections: SectionPart[] = [
    { name: '.text', bytes: text, address: TEXT_ADDRESS },
    { name: tableSection, bytes: table, address: 0x800000 },
  ];
  if (program.version !== undefined) {
    sections.push({ name: '.go.buildinfo', bytes: buildInfo(program.version), address: 0x900000 });
  }
  return buildElf({
    type: 2,
    sections,
    segments: [
      { type: 1, flags: 5, section: '.text' },
      { type: 1, flags: 4, section: tableSection },
    ],
  });
}

/** debug/buildinfo: magic, pointer size, flags (2: inline), then varint length and text. */
function buildInfo(version: string): Buffer {
  const bytes = Buffer.alloc(64 + version.length);
  bytes.write('\xff Go buildinf:', 0, 'latin1');
  bytes[14] = 8;
  bytes[15] = 2;
  bytes[32] = version.length;
  bytes.write(version, 33, 'latin1');
  return bytes;
}

function buildTable(program: GoProgram): Buffer {
  const isOld = program.format === '1.16';
  const names = stringTable(program.functions);
  const count = program.functions.length;
  const entryBytes = isOld ? 16 : 8;
  const indexBytes = count * entryBytes + (isOld ? 8 : 4);
  const recordBytes = 40;
  const functions = Buffer.alloc(indexBytes + count * recordBytes);
  program.functions.forEach((name, index) => {
    const record = indexBytes + index * recordBytes;
    const at = index * entryBytes;
    if (isOld) {
      writeWord(functions, at, functionAddress(program, index));
      writeWord(functions, at + 8, record);
    } else {
      functions.writeUInt32LE(functionOffset(program, index), at);
      functions.writeUInt32LE(record, at + 4);
    }
    functions.writeUInt32LE(names.offsetOf(name), record + (isOld ? 8 : 4));
  });
  const header = Buffer.alloc(80);
  header.writeUInt32LE(MAGIC[program.format], 0);
  header.set([1, 8], 6);
  const namesAt = header.length;
  const afterNames = namesAt + names.bytes.length;
  const middle = isOld ? [] : [program.textStart ?? 0];
  // nfunc, nfiles, [textStart,] names, compilation units, files, pc values, functions.
  const words = [count, 1, ...middle, namesAt, afterNames, afterNames, afterNames, afterNames];
  words.forEach((word, index) => {
    writeWord(header, 8 + index * 8, word);
  });
  return Buffer.concat([header, names.bytes, functions]);
}
