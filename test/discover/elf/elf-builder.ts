/** Builds small ELF64 files, whole or broken, for tests. */

export interface SectionPart {
  readonly name: string;
  readonly bytes: Buffer;
  readonly address?: number;
  /** Name of the section that `link` points to. */
  readonly link?: string;
  /** What the header claims, when that is not the truth. */
  readonly claimedBytes?: number;
  readonly type?: number;
}

export interface ElfParts {
  readonly machine?: number;
  /** 2: fixed addresses, 3: position-independent. */
  readonly type?: number;
  readonly sections: readonly SectionPart[];
  readonly hasSectionHeaders?: boolean;
  /** Segments over sections, by name; flags: 1 execute, 2 write, 4 read. */
  readonly segments?: readonly { type: number; flags: number; section: string }[];
}

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;

export function buildElf(parts: ElfParts): Buffer {
  const names = stringTable(['', ...parts.sections.map(({ name }) => name), '.shstrtab']);
  const all: SectionPart[] = [
    { name: '', bytes: Buffer.alloc(0), type: 0 },
    ...parts.sections,
    { name: '.shstrtab', bytes: names.bytes, type: 3 },
  ];
  const segments = parts.segments ?? [];
  let end = align(HEADER_BYTES + segments.length * PROGRAM_HEADER_BYTES);
  const offsets = all.map(({ bytes }) => {
    const offset = end;
    end = align(end + bytes.length);
    return offset;
  });
  const hasHeaders = parts.hasSectionHeaders ?? true;
  const file = Buffer.alloc(end + (hasHeaders ? all.length * SECTION_HEADER_BYTES : 0));
  writeHeader(file, parts, segments.length, hasHeaders ? all.length : 0, end);
  segments.forEach((segment, index) => {
    const at = all.findIndex(({ name }) => name === segment.section);
    const section = all[at];
    if (section === undefined) throw new Error(`no section ${segment.section}`);
    const header = file.subarray(HEADER_BYTES + index * PROGRAM_HEADER_BYTES);
    header.writeUInt32LE(segment.type, 0);
    header.writeUInt32LE(segment.flags, 4);
    writeWord(header, 8, offsets[at] ?? 0);
    writeWord(header, 16, section.address ?? 0);
    writeWord(header, 32, section.bytes.length);
    writeWord(header, 40, section.bytes.length);
  });
  all.forEach((section, index) => {
    section.bytes.copy(file, offsets[index]);
    if (!hasHeaders) return;
    const header = file.subarray(end + index * SECTION_HEADER_BYTES);
    header.writeUInt32LE(names.offsetOf(section.name), 0);
    header.writeUInt32LE(section.type ?? 1, 4);
    writeWord(header, 16, section.address ?? 0);
    writeWord(header, 24, offsets[index] ?? 0);
    writeWord(header, 32, section.claimedBytes ?? section.bytes.length);
    const link = all.findIndex(({ name }) => name === section.link);
    header.writeUInt32LE(Math.max(link, 0), 40);
  });
  return file;
}

function writeHeader(
  file: Buffer,
  parts: ElfParts,
  segmentCount: number,
  sectionCount: number,
  sectionTable: number,
): void {
  file.write('\x7fELF', 0, 'latin1');
  file.set([2, 1, 1], 4);
  file.writeUInt16LE(parts.type ?? 3, 16);
  file.writeUInt16LE(parts.machine ?? 62, 18);
  writeWord(file, 32, segmentCount > 0 ? HEADER_BYTES : 0);
  writeWord(file, 40, sectionCount > 0 ? sectionTable : 0);
  file.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  file.writeUInt16LE(segmentCount, 56);
  file.writeUInt16LE(SECTION_HEADER_BYTES, 58);
  file.writeUInt16LE(sectionCount, 60);
  file.writeUInt16LE(Math.max(sectionCount - 1, 0), 62);
}

export function writeWord(bytes: Buffer, at: number, value: number): void {
  bytes.writeBigUInt64LE(BigInt(value), at);
}

function align(value: number): number {
  return (value + 15) & ~15;
}

export interface StringTable {
  readonly bytes: Buffer;
  offsetOf(text: string): number;
}

export function stringTable(texts: readonly string[]): StringTable {
  const bytes = Buffer.from(`\0${texts.filter((text) => text !== '').join('\0')}\0`, 'latin1');
  return {
    bytes,
    offsetOf: (text) => (text === '' ? 0 : bytes.indexOf(`\0${text}\0`, 0, 'latin1') + 1),
  };
}

/** One Elf64_Sym; `section` 0 means undefined here. */
export function symbolEntry(nameAt: number, address: number, section = 1): Buffer {
  const entry = Buffer.alloc(24);
  entry.writeUInt32LE(nameAt, 0);
  entry.writeUInt16LE(section, 6);
  writeWord(entry, 8, address);
  writeWord(entry, 16, 32);
  return entry;
}

/** .dynsym and .dynstr (or .symtab and .strtab) with symbols by name. */
export function symbolSections(
  table: string,
  strings: string,
  symbols: Readonly<Record<string, number>>,
): SectionPart[] {
  const names = stringTable(Object.keys(symbols));
  const entries = Object.entries(symbols).map(([name, address]) =>
    symbolEntry(names.offsetOf(name), address),
  );
  const bytes = Buffer.concat([Buffer.alloc(24), ...entries]);
  return [
    { name: table, bytes, link: strings },
    { name: strings, bytes: names.bytes },
  ];
}
