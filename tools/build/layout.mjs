/**
 * Writes src/capture/layout.gen.ts and src/native/layout.gen.ts from the BTF of bpf/event.h's
 * types, or with --check fails when they differ. Needs bpftool and a build.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const object = join(root, 'build/layout.bpf.o');

const STRUCTS = {
  event_header: 'HEADER',
  open_event: 'OPEN',
  data_event: 'DATA',
  close_event: 'CLOSE',
  process_event: 'PROCESS',
};
const ENUMS = [
  'event_kind',
  'event_direction',
  'event_source',
  'event_role',
  'event_data_flag',
  'event_cause',
  'event_cause_flag',
  'event_process_action',
  'event_counter',
];

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

function types() {
  const text = execFileSync('bpftool', ['-j', 'btf', 'dump', 'file', object], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(text.toString()).types;
}

function find(all, kind, name) {
  const found = all.find((type) => type.kind === kind && type.name === name);
  if (!found) throw new Error(`${kind} ${name} is not in the BTF of ${object}`);
  return found;
}

function structText(all, name, constant) {
  const struct = find(all, 'STRUCT', name);
  const rows = [];
  for (const member of struct.members) {
    if (member.name === 'header') {
      const header = find(all, 'STRUCT', 'event_header');
      for (const inner of header.members) rows.push([inner.name, inner.bits_offset / 8]);
    } else if (!member.name.startsWith('_')) {
      rows.push([member.name, member.bits_offset / 8]);
    }
  }
  const lines = rows.map(([field, offset]) => `  ${camel(field)}: ${offset},`);
  lines.push(`  structBytes: ${struct.size},`);
  return `/** Byte offsets in \`struct ${name}\`. */\nexport const ${constant} = {\n${lines.join('\n')}\n} as const;\n`;
}

function enumText(all, name) {
  const values = find(all, 'ENUM', name).values;
  const lines = values.map((value) => `  ${value.name}: ${value.val},`);
  return `/** \`enum ${name}\`. */\nexport const ${camel(name)} = {\n${lines.join('\n')}\n} as const;\n`;
}

/** A preprocessor constant of event.h; these leave no trace in BTF. */
function define(name) {
  const header = readFileSync(join(root, 'bpf/event.h'), 'utf8');
  const value = new RegExp(`#define ${name} (\\d+)`).exec(header)?.[1];
  if (!value) throw new Error(`${name} is not in bpf/event.h`);
  return value;
}

const HEAD = '// Generated from the BTF of bpf/event.h by tools/build/layout.mjs. Do not edit.\n';

function captureText(all) {
  return [
    HEAD,
    `export const CHUNK_BYTES = ${define('SPANTAP_CHUNK_BYTES')};`,
    `export const UNIX_PATH_BYTES = ${define('SPANTAP_UNIX_PATH_BYTES')};\n`,
    ...Object.entries(STRUCTS).map(([name, constant]) => structText(all, name, constant)),
    ...ENUMS.map((name) => enumText(all, name)),
  ].join('\n');
}

/** Sizes that the addon must report; stages share no values, so native has its own file. */
function nativeText(all) {
  const sizes = Object.keys(STRUCTS).map((name) => {
    const short = name === 'event_header' ? 'header' : name.replace('_event', '');
    return `  ${short}: ${find(all, 'STRUCT', name).size},`;
  });
  const body = [
    `  version: ${define('SPANTAP_EVENT_VERSION')},`,
    ...sizes,
    `  chunk: ${define('SPANTAP_CHUNK_BYTES')},`,
    `  counters: ${enumValue(all, 'event_counter', 'COUNTER_MAX')},`,
  ].join('\n');
  return [
    HEAD,
    '/** What the addon must report about its events: version and sizes in bytes. */',
    `export const EXPECTED_LAYOUT = {\n${body}\n} as const;\n`,
    'export type Layout = { readonly [K in keyof typeof EXPECTED_LAYOUT]: number };\n',
  ].join('\n');
}

function enumValue(all, name, constant) {
  return find(all, 'ENUM', name).values.find((value) => value.name === constant).val;
}

const all = types();
const files = {
  'src/capture/layout.gen.ts': captureText(all),
  'src/native/layout.gen.ts': nativeText(all),
};
for (const [name, text] of Object.entries(files)) {
  const path = join(root, name);
  if (!process.argv.includes('--check')) {
    writeFileSync(path, text);
  } else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
    console.error(`${name} differs from bpf/event.h: run node tools/build/layout.mjs`);
    process.exitCode = 1;
  }
}
