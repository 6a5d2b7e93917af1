/** Reads the Markdown corpora of test/corpus/http1; the form is described in their README. */
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type CallOptions, Wire, type WireOptions } from './wire.ts';

export interface Call {
  readonly isRequest: boolean;
  readonly bytes: Buffer;
}

export interface Section {
  readonly file: string;
  readonly title: string;
  readonly calls: readonly Call[];
  readonly exchanges: readonly string[];
  readonly counters: readonly (readonly [name: string, value: number])[];
  readonly end: 'close' | 'eof' | 'reset';
  readonly marks: ReadonlySet<string>;
}

const folder = join(import.meta.dirname, '../corpus/http1');

export function readCorpus(): Section[] {
  const files = globSync('*.md', { cwd: folder }).filter((file) => file !== 'README.md');
  return files.sort().flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return text
      .split(/^## /m)
      .slice(1)
      .map((section) => readSection(basename(file, '.md'), section));
  });
}

function readSection(file: string, text: string): Section {
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(
    ([, kind, content]) => [kind, content] as const,
  );
  const linesOf = (wanted: string): string[] =>
    blocks
      .filter(([kind]) => kind === wanted)
      .flatMap(([, content]) => content.split('\n').filter((line) => line !== ''));
  const marks = new Set(/<!-- (.*?) -->/.exec(text)?.[1].split(' ') ?? []);
  const end = [...marks].find((mark) => mark.startsWith('end='))?.slice(4) ?? 'close';
  return {
    file,
    title: text.slice(0, text.indexOf('\n')),
    calls: blocks
      .filter(([kind]) => kind === 'request' || kind === 'response')
      .map(([kind, content]) => ({ isRequest: kind === 'request', bytes: toBytes(content) })),
    exchanges: linesOf('exchanges').map(decodeEscapes),
    counters: linesOf('counters').map((line) => [line.split(' ')[0], Number(line.split(' ')[1])]),
    end: end === 'eof' || end === 'reset' ? end : 'close',
    marks,
  };
}

function toBytes(content: string): Buffer {
  const lines = content.slice(0, -1).replace(/\\\n/g, '').replace(/\n/g, '\r\n');
  return Buffer.from(decodeEscapes(lines), 'latin1');
}

function decodeEscapes(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|([rnt\\]))/g, (_all, hex, letter) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return { r: '\r', n: '\n', t: '\t' }[letter as string] ?? '\\';
  });
}

/** A wire with the section's calls and its end. `optionsOf`: by call. */
export function recordSection(
  section: Section,
  wireOptions: WireOptions,
  optionsOf: (call: Call) => CallOptions = () => ({}),
): Wire {
  const wire = new Wire(wireOptions);
  for (const call of section.calls) {
    if (call.isRequest) wire.request(call.bytes, optionsOf(call));
    else wire.response(call.bytes, optionsOf(call));
  }
  return wire;
}

const ECONNRESET = 104;

/** The events with which the connection ends, besides its close. */
export function endSection(section: Section, wire: Wire): Wire {
  if (section.end === 'eof' && wire.side === 'client') wire.eof();
  if (section.end === 'reset') wire.error(ECONNRESET, wire.side === 'server');
  return wire;
}
