import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  closeElf,
  type Elf,
  fileOffsetOf,
  openElf,
  readAddress,
} from '../../../src/discover/elf/elf.ts';
import { findGoFunctions, isGo, readGoVersion } from '../../../src/discover/elf/gopclntab.ts';
import { findSymbols } from '../../../src/discover/elf/symbols.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { TemporaryFolder } from '../temporary.ts';
import {
  buildElf,
  type ElfParts,
  stringTable,
  symbolEntry,
  symbolSections,
  writeWord,
} from './elf-builder.ts';

function open(context: TestContext, bytes: Buffer): Elf {
  const elf = openElf(new TemporaryFolder(context).file('program', bytes));
  assert.ok(elf !== undefined);
  context.after(() => closeElf(elf));
  return elf;
}

const TEXT = {
  name: '.text',
  bytes: Buffer.from('5590c3'.padEnd(64, '0'), 'hex'),
  address: 0x4000,
};
const PROGRAM: ElfParts = {
  sections: [
    TEXT,
    ...symbolSections('.dynsym', '.dynstr', { stream_new: 0x4000, other: 0x4001 }),
    ...symbolSections('.symtab', '.strtab', { back_try_conn_req: 0x4001 }),
  ],
  segments: [{ type: 1, flags: 5, section: '.text' }],
};

test('a virtual address maps to the file through its segment', (context) => {
  const elf = open(context, buildElf(PROGRAM));
  const offset = fileOffsetOf(elf, 0x4001);
  assert.equal(offset, (fileOffsetOf(elf, 0x4000) ?? 0) + 1);
  assert.equal(readAddress(elf, 0x4000, 3).toString('hex'), '5590c3');
  assert.equal(fileOffsetOf(elf, 0x3fff), undefined);
  assert.equal(fileOffsetOf(elf, 0x4000 + TEXT.bytes.length), undefined);
  assert.equal(readAddress(elf, 0x9000, 4).length, 0);
});

test('symbols come from .dynsym, and from .symtab when that is asked for', (context) => {
  const elf = open(context, buildElf(PROGRAM));
  const names = ['stream_new', 'back_try_conn_req', 'missing'];
  assert.deepEqual([...findSymbols(elf, names, 'dynamic').keys()], ['stream_new']);
  const all = findSymbols(elf, names, 'all');
  assert.equal(all.get('stream_new')?.address, 0x4000);
  assert.equal(all.get('back_try_conn_req')?.address, 0x4001);
  assert.equal(all.size, 2);
});

test('a name that is the tail of a longer one is found, an undefined symbol is not', (context) => {
  const strings = stringTable(['my_stream_new', 'imported']);
  const symbols = Buffer.concat([
    symbolEntry(strings.offsetOf('my_stream_new'), 0x1111),
    symbolEntry(strings.offsetOf('my_stream_new') + 3, 0x4000),
    symbolEntry(strings.offsetOf('imported'), 0, 0),
  ]);
  const elf = open(
    context,
    buildElf({
      sections: [
        { name: '.dynsym', bytes: symbols, link: '.dynstr' },
        { name: '.dynstr', bytes: strings.bytes },
      ],
    }),
  );
  const found = findSymbols(elf, ['stream_new', 'imported'], 'dynamic');
  assert.deepEqual([...found.values()], [{ name: 'stream_new', address: 0x4000, sizeBytes: 32 }]);
});

test('without section headers symbols are found through the dynamic segment', (context) => {
  const strings = stringTable(['ngx_cycle']);
  const symbols = Buffer.concat([Buffer.alloc(24), symbolEntry(1, 0x77)]);
  const tables = Buffer.concat([symbols, strings.bytes]);
  const dynamic = Buffer.alloc(64);
  const entries: [number, number][] = [
    [6, 0x1000],
    [5, 0x1000 + symbols.length],
    [10, strings.bytes.length],
    [0, 0],
  ];
  entries.forEach(([tag, value], index) => {
    writeWord(dynamic, index * 16, tag);
    writeWord(dynamic, index * 16 + 8, value);
  });
  const elf = open(
    context,
    buildElf({
      hasSectionHeaders: false,
      sections: [
        { name: 'tables', bytes: tables, address: 0x1000 },
        { name: 'dynamic', bytes: dynamic, address: 0x2000 },
      ],
      segments: [
        { type: 1, flags: 4, section: 'tables' },
        { type: 2, flags: 4, section: 'dynamic' },
      ],
    }),
  );
  assert.equal(elf.sections.length, 0);
  assert.equal(findSymbols(elf, ['ngx_cycle'], 'dynamic').get('ngx_cycle')?.address, 0x77);
});

test('a symbol table beyond the limit is not read, and counted', (context) => {
  const [table, strings] = symbolSections('.dynsym', '.dynstr', { stream_new: 1 });
  assert.ok(table !== undefined && strings !== undefined);
  const elf = open(
    context,
    buildElf({ sections: [{ ...table, claimedBytes: 40 * 1024 * 1024 }, strings] }),
  );
  const counters = new Counters();
  assert.equal(findSymbols(elf, ['stream_new'], 'dynamic', counters).size, 0);
  assert.equal(counters.get('dropped.symbol_tables'), 1);
});

test('what is no 64-bit little-endian ELF file is refused', (context) => {
  const folder = new TemporaryFolder(context);
  const whole = buildElf(PROGRAM);
  const is32 = Buffer.from(whole);
  is32[4] = 1;
  const isBigEndian = Buffer.from(whole);
  isBigEndian[5] = 2;
  for (const [name, bytes] of Object.entries({
    script: Buffer.from('#!/bin/sh\nexec true\n'.padEnd(100)),
    empty: Buffer.alloc(0),
    is32,
    isBigEndian,
  })) {
    assert.equal(openElf(folder.file(name, bytes)), undefined, name);
  }
  assert.equal(openElf(`${folder.path}/missing`), undefined);
  assert.equal(openElf(folder.path), undefined);
});

/** Everything that is done with an executable; must end without throwing. */
function examine(path: string): void {
  const elf = openElf(path);
  if (elf === undefined) return;
  findSymbols(elf, ['stream_new', 'back_try_conn_req'], 'all');
  isGo(elf);
  readGoVersion(elf);
  findGoFunctions(elf, ['main.main']);
  closeElf(elf);
}

test('a file cut at any byte never throws', (context) => {
  const folder = new TemporaryFolder(context);
  const whole = buildElf(PROGRAM);
  for (let length = 0; length < whole.length; length += 1) {
    examine(folder.file('cut', whole.subarray(0, length)));
  }
});

test('a file with random damage never throws', (context) => {
  const folder = new TemporaryFolder(context);
  let state = 20_261_121;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let round = 0; round < 500; round += 1) {
    const bytes = Buffer.from(buildElf(PROGRAM));
    for (let hits = 0; hits < 8; hits += 1) bytes[4 + random(bytes.length - 4)] = random(256);
    examine(folder.file('damaged', bytes));
  }
});
