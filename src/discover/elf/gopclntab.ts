/**
 * Go binaries: function addresses from the pc-line table, which stripping leaves in place, and the
 * toolchain's version. Formats: Go 1.16 (also 1.17), 1.18 and 1.20 onwards; layout in Go's
 * src/runtime/symtab.go (pcHeader) and src/cmd/link/internal/ld/pcln.go. Older Go passes arguments
 * on the stack and is of no use to the probes.
 */
import { limits } from '../../config/limits.ts';
import type { Counters } from '../../telemetry/counters.ts';
import {
  type Elf,
  FLAG_EXECUTE,
  FLAG_WRITE,
  findSection,
  readAddress,
  readRange,
  readWord,
  SEGMENT_LOAD,
  SEGMENT_NOTE,
} from './elf.ts';
import { goFunctionSite, PROLOGUE_BYTES } from './instruction.ts';
import { findSymbols } from './symbols.ts';

const MAGIC_116 = 0xffff_fffa;
const MAGIC_118 = 0xffff_fff0;
const MAGIC_120 = 0xffff_fff1;

/** Bytes of the table searched or read at a time. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** The largest programs have some hundred thousand. */
const FUNCTIONS_MAX = 1 << 23;

/** Offsets are file offsets. */
interface Table {
  readonly magic: number;
  readonly functionCount: number;
  /** Address of the first function as the header tells it; 0 when it does not. */
  readonly textStart: number;
  readonly names: number;
  readonly namesBytes: number;
  readonly functions: number;
}

export interface GoFunctions {
  /** Entry address by name, checked against the code there. */
  readonly entries: ReadonlyMap<string, number>;
  /** Why names are missing though the binary is Go; undefined when it has what was asked for. */
  readonly reason: string | undefined;
}

/** Whether the file was made by the Go toolchain: its build id note or its build info section. */
export function isGo(elf: Elf): boolean {
  if (findSection(elf, '.go.buildinfo') || findSection(elf, '.note.go.buildid')) return true;
  return elf.segments
    .filter(({ type }) => type === SEGMENT_NOTE)
    .some(({ offset, fileBytes }) => isGoNote(readRange(elf, offset, Math.min(fileBytes, 4096))));
}

/** An ELF note of type 4 by owner "Go". */
function isGoNote(note: Buffer): boolean {
  if (note.length < 16) return false;
  const isOwnerGo = note.readUInt32LE(0) === 4 && note.toString('latin1', 12, 16) === 'Go\0\0';
  return isOwnerGo && note.readUInt32LE(8) === 4;
}

/** Finds functions of a Go binary by their full names. */
export function findGoFunctions(
  elf: Elf,
  names: readonly string[],
  counters?: Counters,
): GoFunctions {
  const none = new Map<string, number>();
  const table = findTable(elf);
  if (table === undefined) {
    return { entries: none, reason: 'its function table (.gopclntab) was not found or is too old' };
  }
  const raw = findRawEntries(elf, table, names, counters);
  if (raw.size === 0) return { entries: none, reason: undefined };
  const textStart = findTextStart(elf, table, [...raw.values()]);
  if (textStart === undefined) {
    counters?.add('discover.go_text_not_found');
    return {
      entries: none,
      reason: 'its functions were not found, or do not begin as those of Go 1.17 and later do',
    };
  }
  const entries = new Map([...raw].map(([name, entry]) => [name, entry + textStart]));
  return { entries, reason: undefined };
}

/** By section name; else, where a linker merged it into another section, by its first bytes. */
function findTable(elf: Elf): Table | undefined {
  for (const name of ['.gopclntab', '.data.rel.ro.gopclntab']) {
    const section = findSection(elf, name);
    const table = section === undefined ? undefined : readTable(elf, section.offset);
    if (table !== undefined) return table;
  }
  for (const segment of elf.segments) {
    const isData = segment.type === SEGMENT_LOAD && (segment.flags & FLAG_EXECUTE) === 0;
    const table = isData ? searchTable(elf, segment.offset, segment.fileBytes) : undefined;
    if (table !== undefined) return table;
  }
  return undefined;
}

function searchTable(elf: Elf, start: number, lenBytes: number): Table | undefined {
  const quantum = elf.machine === 'arm64' ? 4 : 1;
  for (let done = 0; done < lenBytes; done += PIECE_BYTES) {
    const piece = readRange(elf, start + done, Math.min(PIECE_BYTES + 8, lenBytes - done));
    for (const magic of [MAGIC_120, MAGIC_118, MAGIC_116]) {
      const pattern = Buffer.from([magic & 0xff, 0xff, 0xff, 0xff, 0, 0, quantum, 8]);
      for (let at = piece.indexOf(pattern); at >= 0; at = piece.indexOf(pattern, at + 1)) {
        const table = readTable(elf, start + done + at);
        if (table !== undefined) return table;
      }
    }
  }
  return undefined;
}

function readTable(elf: Elf, start: number): Table | undefined {
  const header = readRange(elf, start, 72);
  if (header.length < 72 || header[7] !== 8) return undefined;
  const magic = header.readUInt32LE(0);
  const word = (index: number) => readWord(header, 8 + index * 8);
  const isOld = magic === MAGIC_116;
  if (!isOld && magic !== MAGIC_118 && magic !== MAGIC_120) return undefined;
  // 1.16: nfunc, nfiles, funcname, cu, filetab, pctab, pcln; 1.18: textStart after nfiles.
  const shift = isOld ? 0 : 1;
  const table = {
    magic,
    functionCount: word(0),
    textStart: isOld ? 0 : word(2),
    names: start + word(2 + shift),
    namesBytes: word(3 + shift) - word(2 + shift),
    functions: start + word(6 + shift),
  };
  const isSane =
    table.functionCount > 0 &&
    table.functionCount < FUNCTIONS_MAX &&
    table.namesBytes > 0 &&
    table.names + table.namesBytes <= elf.fileBytes &&
    table.functions > table.names &&
    table.functions + table.functionCount * (isOld ? 16 : 8) <= elf.fileBytes;
  return isSane ? table : undefined;
}

/**
 * Entry values as the table holds them: addresses (1.16) or offsets from the first function. The
 * names are looked up once; then each function's record is asked for its name offset.
 */
function findRawEntries(
  elf: Elf,
  table: Table,
  names: readonly string[],
  counters: Counters | undefined,
): Map<string, number> {
  const found = new Map<string, number>();
  const wanted = findNames(elf, table, names, counters);
  if (wanted.size === 0) return found;
  const isOld = table.magic === MAGIC_116;
  const entryBytes = isOld ? 16 : 8;
  const index = readRange(elf, table.functions, table.functionCount * entryBytes);
  let piece: Buffer = Buffer.alloc(0);
  let pieceStart = 0;
  for (let at = 0; at + entryBytes <= index.length; at += entryBytes) {
    const record = isOld ? readWord(index, at + 8) : index.readUInt32LE(at + 4);
    // funcInfo: entry (8 bytes before 1.18, 4 since), then the name's offset.
    const nameField = record + (isOld ? 8 : 4);
    if (nameField < pieceStart || nameField + 4 > pieceStart + piece.length) {
      pieceStart = nameField;
      piece = readRange(elf, table.functions + nameField, PIECE_BYTES);
      if (piece.length < 4) break;
    }
    const name = wanted.get(piece.readUInt32LE(nameField - pieceStart));
    if (name === undefined) continue;
    found.set(name, isOld ? readWord(index, at) : index.readUInt32LE(at));
    if (found.size === wanted.size) break;
  }
  return found;
}

/** Offset in the table of names -> name. */
function findNames(
  elf: Elf,
  table: Table,
  names: readonly string[],
  counters: Counters | undefined,
): Map<number, string> {
  const found = new Map<number, string>();
  if (table.namesBytes > limits.goNamesBytesMax) {
    counters?.add('dropped.symbol_tables');
    return found;
  }
  const bytes = readRange(elf, table.names, table.namesBytes);
  for (const name of names) {
    const at = bytes.indexOf(`\0${name}\0`, 0, 'latin1');
    if (at >= 0) found.set(at + 1, name);
  }
  return found;
}

/**
 * Address of the first function. Go 1.18 to 1.25 tell it in the header (not in position-independent
 * files, where the field waits for a relocation), 1.26 does not; then it is where .text or the
 * executable segment begins, behind a few C start functions when a C linker joined the file.
 * Whatever is tried must make every wanted function begin with a Go stack check.
 */
function findTextStart(elf: Elf, table: Table, entries: readonly number[]): number | undefined {
  const fits = (start: number) =>
    entries.every((entry) => {
      const code = readAddress(elf, start + entry, PROLOGUE_BYTES);
      return goFunctionSite(code, elf.machine) !== undefined;
    });
  if (table.magic === MAGIC_116) return fits(0) ? 0 : undefined;
  if (table.textStart !== 0 && fits(table.textStart)) return table.textStart;
  const begin = findSection(elf, '.text')?.address ?? firstCodeAddress(elf);
  if (begin === undefined) return undefined;
  if (fits(begin)) return begin;
  const symbol = findSymbols(elf, ['runtime.text'], 'all').get('runtime.text');
  if (symbol !== undefined && fits(symbol.address)) return symbol.address;
  const found: number[] = [];
  for (let start = begin; start < begin + limits.goTextSearchBytes; start += 16) {
    if (fits(start)) found.push(start);
  }
  // More than one would be a guess.
  return found.length === 1 ? found[0] : undefined;
}

function firstCodeAddress(elf: Elf): number | undefined {
  return elf.segments.find(
    ({ type, flags }) => type === SEGMENT_LOAD && (flags & FLAG_EXECUTE) !== 0,
  )?.address;
}

const BUILD_INFO_MAGIC = Buffer.from('\xff Go buildinf:', 'latin1');

/**
 * Version of the toolchain, such as `go1.26.8`, from the build info (debug/buildinfo): inline
 * since 1.18, before by two pointers that a position-independent file cannot tell.
 */
export function readGoVersion(elf: Elf): string | undefined {
  const section = findSection(elf, '.go.buildinfo');
  const data = elf.segments.find(
    ({ type, flags }) => type === SEGMENT_LOAD && (flags & FLAG_WRITE) !== 0,
  );
  const start = section?.offset ?? data?.offset;
  if (start === undefined) return undefined;
  const bytes = readRange(elf, start, 64 * 1024);
  const at = bytes.indexOf(BUILD_INFO_MAGIC);
  if (at < 0 || at + 33 > bytes.length) return undefined;
  const flags = bytes[at + 15] ?? 0;
  if ((flags & 2) !== 0) return readInlineVersion(bytes, at + 32);
  const header = readAddress(elf, readWord(bytes, at + 16), 16);
  if (header.length < 16) return undefined;
  const text = readAddress(elf, readWord(header, 0), Math.min(readWord(header, 8), 64));
  return text.length === 0 ? undefined : text.toString('latin1');
}

/** A length as one varint byte (versions are short), then the text. */
function readInlineVersion(bytes: Buffer, at: number): string | undefined {
  const lenBytes = bytes[at] ?? 0;
  if (lenBytes === 0 || lenBytes > 127) return undefined;
  return bytes.toString('latin1', at + 1, at + 1 + lenBytes);
}
