import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { limits } from '../../../src/config/limits.ts';
import { closeElf, type Elf, openElf } from '../../../src/discover/elf/elf.ts';
import { findGoFunctions, isGo, readGoVersion } from '../../../src/discover/elf/gopclntab.ts';
import { identifyExecutable } from '../../../src/discover/families.ts';
import { Counters } from '../../../src/telemetry/counters.ts';
import { TemporaryFolder } from '../temporary.ts';
import { writeWord } from './elf-builder.ts';
import {
  buildGoProgram,
  functionAddress,
  type GoProgram,
  OLD_GO_PROLOGUE,
  TEXT_ADDRESS,
} from './go-builder.ts';

const FUNCTIONS = [
  'runtime.main',
  'net/http.(*persistConn).readLoop',
  'net/http.(*persistConn).writeLoop',
  'net/http.(*Transport).dialConn',
  'net/http.(*persistConn).roundTrip',
];
const WANTED = ['net/http.(*persistConn).roundTrip', 'net/http.(*persistConn).writeLoop'];

function open(context: TestContext, program: GoProgram): Elf {
  const elf = openElf(new TemporaryFolder(context).file('program', buildGoProgram(program)));
  assert.ok(elf !== undefined);
  context.after(() => closeElf(elf));
  return elf;
}

const CASES: Readonly<Record<string, GoProgram>> = {
  'Go 1.17, entries are addresses': { format: '1.16', functions: FUNCTIONS },
  'Go 1.18, start of text in the header': {
    format: '1.18',
    functions: FUNCTIONS,
    textStart: TEXT_ADDRESS,
  },
  'Go 1.20, position-independent: no start of text in the header': {
    format: '1.20',
    functions: FUNCTIONS,
  },
  'Go behind the start code of a C linker': {
    format: '1.20',
    functions: FUNCTIONS,
    skipBytes: 0x9e0,
  },
  'a header whose start of text is wrong': {
    format: '1.20',
    functions: FUNCTIONS,
    textStart: TEXT_ADDRESS + 0x10_0000,
  },
  'the table in .data.rel.ro.gopclntab': {
    format: '1.18',
    functions: FUNCTIONS,
    tableSection: '.data.rel.ro.gopclntab',
  },
  'the table merged into .data.rel.ro': {
    format: '1.20',
    functions: FUNCTIONS,
    tableSection: '.data.rel.ro',
    tableAt: 0x1230,
  },
};

for (const [title, program] of Object.entries(CASES)) {
  test(`functions are found: ${title}`, (context) => {
    const { entries, reason } = findGoFunctions(open(context, program), WANTED);
    assert.equal(reason, undefined);
    assert.deepEqual(
      Object.fromEntries(entries),
      Object.fromEntries(
        WANTED.map((name) => [name, functionAddress(program, FUNCTIONS.indexOf(name))]),
      ),
    );
  });
}

test('a function that does not exist is not found, and that is no failure', (context) => {
  const elf = open(context, { format: '1.20', functions: FUNCTIONS });
  const { entries, reason } = findGoFunctions(elf, ['net/http.(*persistConn).round']);
  assert.equal(entries.size, 0);
  assert.equal(reason, undefined);
});

test('functions that pass arguments on the stack are refused with a reason', (context) => {
  const elf = open(context, { format: '1.16', functions: FUNCTIONS, prologue: OLD_GO_PROLOGUE });
  const { entries, reason } = findGoFunctions(elf, WANTED);
  assert.equal(entries.size, 0);
  assert.match(reason ?? '', /do not begin/);
});

test('addresses that do not lead to the start of functions are refused', (context) => {
  const elf = open(context, {
    format: '1.20',
    functions: FUNCTIONS,
    skipBytes: 0x8,
    prologue: Buffer.from('4889e5', 'hex'),
  });
  assert.match(findGoFunctions(elf, WANTED).reason ?? '', /do not begin/);
});

test('a start of text that several places fit is not guessed', (context) => {
  const program: GoProgram = { format: '1.20', functions: FUNCTIONS, skipBytes: 0x9e0 };
  const elf = open(context, { ...program, isRegular: true });
  const { entries, reason } = findGoFunctions(elf, WANTED);
  assert.equal(entries.size, 0);
  assert.match(reason ?? '', /were not found/);
});

test('code further behind the C start code than is looked is not found, and counted', (context) => {
  const program: GoProgram = { format: '1.20', functions: FUNCTIONS };
  const elf = open(context, { ...program, skipBytes: limits.goTextSearchBytes });
  const counters = new Counters();
  assert.equal(findGoFunctions(elf, WANTED, counters).entries.size, 0);
  assert.equal(counters.get('discover.go_text_not_found'), 1);
});

test('names beyond the limit are not read, and counted', (context) => {
  const bytes = buildGoProgram({ format: '1.20', functions: FUNCTIONS });
  const header = bytes.indexOf(Buffer.from('f1ffffff0000', 'hex'));
  const far = limits.goNamesBytesMax + 4096;
  // Offsets of the compilation units (end of the names) and of the functions.
  for (const word of [4, 7]) writeWord(bytes, header + 8 + word * 8, far);
  const path = new TemporaryFolder(context).file('program', bytes);
  truncateSync(path, far + 1024 * 1024);
  const elf = openElf(path);
  assert.ok(elf !== undefined);
  context.after(() => closeElf(elf));
  const counters = new Counters();
  assert.equal(findGoFunctions(elf, WANTED, counters).entries.size, 0);
  assert.equal(counters.get('dropped.symbol_tables'), 1);
});

test('a Go program is told by its build info, with the version', (context) => {
  const elf = open(context, { format: '1.20', functions: FUNCTIONS, version: 'go1.26.8' });
  assert.equal(isGo(elf), true);
  assert.equal(readGoVersion(elf), 'go1.26.8');
});

test('a Go program gets its sites at the jump behind the stack check', (context) => {
  const program: GoProgram = { format: '1.20', functions: FUNCTIONS, version: 'go1.26.8' };
  const elf = open(context, program);
  const facts = identifyExecutable(elf, 'renamed');
  assert.equal(facts.family, 'go');
  const text = elf.segments[0];
  assert.deepEqual(
    facts.sites.map(({ program: name, offset, isCheap, isReturn }) => ({
      name,
      address: offset - (text?.offset ?? 0) + (text?.address ?? 0),
      isCheap,
      isReturn,
    })),
    [
      {
        name: 'go_round_trip',
        address: functionAddress(program, 4) + 4,
        isCheap: true,
        isReturn: false,
      },
      {
        name: 'go_write_loop',
        address: functionAddress(program, 2) + 4,
        isCheap: true,
        isReturn: false,
      },
    ],
  );
});

test('a Go program without an HTTP client has nothing to probe, and that is no fault', (context) => {
  const elf = open(context, { format: '1.20', functions: ['main.main'], version: 'go1.26.8' });
  const facts = identifyExecutable(elf, 'tool');
  assert.equal(facts.family, 'go');
  assert.deepEqual(facts.sites, []);
  assert.deepEqual(facts.reasons, []);
});
