/** Symbols of an ELF file by name. Layout: gABI 4 (symbol table), 5 (dynamic section). */
import { limits } from '../../config/limits.ts';
import type { Counters } from '../../telemetry/counters.ts';
import {
  type Elf,
  entriesOf,
  fileOffsetOf,
  findSection,
  readRange,
  readWord,
  SEGMENT_DYNAMIC,
} from './elf.ts';

export interface ElfSymbol {
  readonly name: string;
  readonly address: number;
  readonly sizeBytes: number;
}

const SYMBOL_BYTES = 24;

/**
 * Defined symbols with one of `names` from .dynsym (from the dynamic segment of a file without
 * section headers), and with `scope` 'all' also from .symtab, which is large in programs that were
 * not stripped. Tables above `limits.symbolTableBytesMax` are skipped and counted,
 * `dropped.symbol_tables`.
 */
export function findSymbols(
  elf: Elf,
  names: readonly string[],
  scope: 'dynamic' | 'all',
  counters?: Counters,
): Map<string, ElfSymbol> {
  const found = new Map<string, ElfSymbol>();
  for (const tables of symbolTables(elf, scope)) {
    const missing = names.filter((name) => !found.has(name));
    if (missing.length === 0) break;
    const sizeBytes = tables.symbols.sizeBytes + tables.strings.sizeBytes;
    if (sizeBytes > limits.symbolTableBytesMax) counters?.add('dropped.symbol_tables');
    else scanSymbols(elf, tables, missing, found);
  }
  return found;
}

interface Range {
  readonly offset: number;
  readonly sizeBytes: number;
}

interface SymbolTables {
  readonly symbols: Range;
  readonly strings: Range;
}

function symbolTables(elf: Elf, scope: 'dynamic' | 'all'): SymbolTables[] {
  if (elf.sections.length === 0) return dynamicTables(elf);
  const names = scope === 'all' ? ['.dynsym', '.symtab'] : ['.dynsym'];
  return names.flatMap((name) => {
    const symbols = findSection(elf, name);
    const strings = symbols === undefined ? undefined : elf.sections[symbols.link];
    return symbols === undefined || strings === undefined ? [] : [{ symbols, strings }];
  });
}

/** gABI 5: DT_SYMTAB, DT_STRTAB, DT_STRSZ; the symbol table ends where the strings begin. */
function dynamicTables(elf: Elf): SymbolTables[] {
  const segment = elf.segments.find(({ type }) => type === SEGMENT_DYNAMIC);
  if (segment === undefined) return [];
  const dynamic = readRange(elf, segment.offset, Math.min(segment.fileBytes, 1 << 16));
  const values = new Map(
    entriesOf(dynamic, 16).map((entry) => [readWord(entry, 0), readWord(entry, 8)]),
  );
  const [DT_STRTAB, DT_SYMTAB, DT_STRSZ] = [5, 6, 10];
  const symbols = fileOffsetOf(elf, values.get(DT_SYMTAB) ?? -1);
  const strings = fileOffsetOf(elf, values.get(DT_STRTAB) ?? -1);
  if (symbols === undefined || strings === undefined || strings < symbols) return [];
  return [
    {
      symbols: { offset: symbols, sizeBytes: strings - symbols },
      strings: { offset: strings, sizeBytes: values.get(DT_STRSZ) ?? 0 },
    },
  ];
}

/** Linkers let names share their tails, so a name may begin anywhere before its terminator. */
function scanSymbols(
  elf: Elf,
  tables: SymbolTables,
  names: readonly string[],
  found: Map<string, ElfSymbol>,
): void {
  const strings = readRange(elf, tables.strings.offset, tables.strings.sizeBytes);
  const nameAt = new Map<number, string>();
  for (const name of names) {
    const bytes = Buffer.from(`${name}\0`, 'latin1');
    for (let at = strings.indexOf(bytes); at >= 0; at = strings.indexOf(bytes, at + 1)) {
      nameAt.set(at, name);
    }
  }
  if (nameAt.size === 0) return;
  const symbols = readRange(elf, tables.symbols.offset, tables.symbols.sizeBytes);
  for (let at = 0; at + SYMBOL_BYTES <= symbols.length; at += SYMBOL_BYTES) {
    const name = nameAt.get(symbols.readUInt32LE(at));
    const isDefined = symbols.readUInt16LE(at + 6) !== 0;
    if (name === undefined || !isDefined || found.has(name)) continue;
    found.set(name, {
      name,
      address: readWord(symbols, at + 8),
      sizeBytes: readWord(symbols, at + 16),
    });
  }
}
