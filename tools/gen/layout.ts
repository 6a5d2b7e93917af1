/**
 * The layout of events for TypeScript, from the BTF of bpf/event.h's types as the BPF compiler
 * lays them out (bpf/layout.bpf.c holds each of them once). Needs clang and bpftool.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../setup/paths.ts';

interface BtfType {
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly members?: readonly { readonly name: string; readonly bits_offset: number }[];
  readonly values?: readonly { readonly name: string; readonly val: number }[];
}

const SOURCE = 'bpf/layout.bpf.c';
const HEAD = '// Generated from the BTF of bpf/event.h by tools/gen/layout.ts. Do not edit.\n';

/** Structs and the names of their constants. */
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
  'event_protocol',
  'event_data_flag',
  'event_cause',
  'event_cause_flag',
  'event_close_flag',
  'event_process_action',
  'event_counter',
];

const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

function readTypes(): BtfType[] {
  const folder = mkdtempSync(join(tmpdir(), 'spantap-layout-'));
  try {
    const object = join(folder, 'layout.bpf.o');
    // Which architecture does not matter: event.h has no field whose size depends on it.
    const flags = ['-g', '-O2', '-target', 'bpf', '-D__TARGET_ARCH_x86'];
    execFileSync('clang', [...flags, '-c', join(root, SOURCE), '-o', object]);
    const text = execFileSync('bpftool', ['-j', 'btf', 'dump', 'file', object], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    return JSON.parse(text).types;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class Layout {
  readonly #types = readTypes();

  /** What the capture stage decodes by. */
  capture(): string {
    return [
      HEAD,
      `export const EVENT_VERSION = ${define('SPANTAP_EVENT_VERSION')};`,
      `export const CHUNK_BYTES = ${define('SPANTAP_CHUNK_BYTES')};`,
      `export const UNIX_PATH_BYTES = ${define('SPANTAP_UNIX_PATH_BYTES')};\n`,
      ...Object.entries(STRUCTS).map(([name, constant]) => this.#struct(name, constant)),
      ...ENUMS.map((name) => this.#enum(name)),
    ].join('\n');
  }

  /** What the addon must report; stages share no values, so the native one has its own file. */
  native(): string {
    const sizes = Object.keys(STRUCTS).map((name) => {
      const short = name === 'event_header' ? 'header' : name.replace('_event', '');
      return `  ${short}: ${this.#find('STRUCT', name).size},`;
    });
    const counters = this.#find('ENUM', 'event_counter').values ?? [];
    const max = counters.find((value) => value.name === 'COUNTER_MAX');
    const body = [
      `  version: ${define('SPANTAP_EVENT_VERSION')},`,
      ...sizes,
      `  chunk: ${define('SPANTAP_CHUNK_BYTES')},`,
      `  counters: ${max?.val},`,
    ].join('\n');
    return [
      HEAD,
      '/** What the addon must report about its events: version and sizes in bytes. */',
      `export const EXPECTED_LAYOUT = {\n${body}\n} as const;\n`,
      'export type Layout = { readonly [K in keyof typeof EXPECTED_LAYOUT]: number };\n',
    ].join('\n');
  }

  #find(kind: string, name: string): BtfType {
    const found = this.#types.find((type) => type.kind === kind && type.name === name);
    if (found === undefined) throw new Error(`${kind} ${name} is not in the BTF of ${SOURCE}`);
    return found;
  }

  #offsets(name: string): [string, number][] {
    return (this.#find('STRUCT', name).members ?? []).flatMap((member) => {
      if (member.name === 'header') return this.#offsets('event_header');
      if (member.name.startsWith('_')) return [];
      return [[member.name, member.bits_offset / 8]];
    });
  }

  #struct(name: string, constant: string): string {
    const lines = this.#offsets(name).map(([field, offset]) => `  ${camel(field)}: ${offset},`);
    lines.push(`  structBytes: ${this.#find('STRUCT', name).size},`);
    const title = `/** Byte offsets in \`struct ${name}\`. */`;
    return `${title}\nexport const ${constant} = {\n${lines.join('\n')}\n} as const;\n`;
  }

  #enum(name: string): string {
    const values = this.#find('ENUM', name).values ?? [];
    const lines = values.map((value) => `  ${value.name}: ${value.val},`);
    return `/** \`enum ${name}\`. */\nexport const ${camel(name)} = {\n${lines.join('\n')}\n} as const;\n`;
  }
}

/** A preprocessor constant of event.h; these leave no trace in BTF. */
function define(name: string): string {
  const header = readFileSync(join(root, 'bpf/event.h'), 'utf8');
  const value = new RegExp(`#define ${name} (\\d+)`).exec(header)?.[1];
  if (value === undefined) throw new Error(`${name} is not in bpf/event.h`);
  return value;
}

/** Path below the root -> text. */
export function layoutFiles(): Record<string, string> {
  const layout = new Layout();
  return {
    'src/capture/layout.gen.ts': layout.capture(),
    'src/native/layout.gen.ts': layout.native(),
  };
}
